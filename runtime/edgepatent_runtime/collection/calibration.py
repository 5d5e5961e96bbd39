"""What the index has measured about itself: bytes that may be lost, with a checksum before them.

The collection keeps them for who asks questions, and does not know what they say.
"""

import zlib
from pathlib import Path

from edgepatent_runtime import names, whole

NAME = names.Name("calibration")

_MOST = 1 << 16


def write(folder: Path, data: bytes) -> None:
    """Keep ``data`` in place of what there was. Raises `OSError`."""
    whole.write(folder / NAME, b"%08x\n" % zlib.crc32(data) + data)


def read(folder: Path) -> bytes | None:
    """What was kept last; None where there is nothing, or it is damaged."""
    try:
        checksum, _, data = names.read(folder, NAME, _MOST).partition(b"\n")
        return data if int(checksum, 16) == zlib.crc32(data) else None
    except (OSError, ValueError):
        return None


def damaged(folder: Path) -> bool:
    """Whether there is something that is not what was written."""
    return (folder / NAME).exists() and read(folder) is None
