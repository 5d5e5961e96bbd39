"""``edgepatent`` and ``python -m edgepatent``."""

import sys

from edgepatent.cli import run


def main() -> None:
    """Run the command line and exit with its status: 0 done, 1 refused or failed, 2 wrong usage."""
    sys.exit(run())


if __name__ == "__main__":
    main()
