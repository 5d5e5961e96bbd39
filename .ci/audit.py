"""Known vulnerabilities of what is installed, and of how much of it anything is known.

    python .ci/audit.py

Asks the registry, by pip-audit, about all distributions but ours. pip-audit takes what is known
from PyPI's JSON (/pypi/NAME/VERSION/json), which a mirror of files alone does not have: it calls
what it got no answer about "not found". That is no pass, and so it is counted and said.

Exit status 0 where something is known and nothing is vulnerable, 4 where something is, 3 where
nothing could be audited: without a network, or from such a mirror.
"""

import json
import subprocess
import sys
from typing import Any

# Not 1, with which Python itself fails.
VULNERABLE, UNKNOWN = 4, 3


def main() -> int:
    """Ask, and say what came."""
    command = [sys.executable, "-m", "pip_audit", "--skip-editable", "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if not done.stdout:
        reason = (done.stderr.strip().splitlines() or ["pip-audit said nothing"])[-1]
        print(f"could not be audited: {reason}")
        return UNKNOWN
    return judged(json.loads(done.stdout)["dependencies"])


def judged(dependencies: list[dict[str, Any]]) -> int:
    """Say what pip-audit found; the exit status."""
    # Ours are installed from the checkout; an environment may list one distribution twice.
    found = {
        (one["name"], one.get("version")): one
        for one in dependencies
        if "editable" not in one.get("skip_reason", "")
    }
    known = [one for one in found.values() if "vulns" in one]
    vulnerable = [one for one in known if one["vulns"]]
    for one in vulnerable:
        for what in one["vulns"]:
            fixed = ", ".join(what["fix_versions"]) or "nothing yet"
            print(f"{one['name']} {one['version']}: {what['id']}, fixed in {fixed}")
    if not known:
        print(
            f"could not be audited: the registry told nothing of any of {len(found)} distributions "
            "(a mirror of files has no vulnerabilities; PyPI itself has)"
        )
        return UNKNOWN
    unknown = sorted(one["name"] for one in found.values() if "vulns" not in one)
    print(f"{len(known)} of {len(found)} distributions audited, {len(vulnerable)} vulnerable")
    if unknown:
        print(f"could not be audited: {', '.join(unknown)}")
    return VULNERABLE if vulnerable else 0


if __name__ == "__main__":
    sys.exit(main())
