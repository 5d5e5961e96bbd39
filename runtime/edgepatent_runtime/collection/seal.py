"""A checksum of the whole catalog, as a writer left it.

SQLite notices a torn page, not a flipped bit in a title or in the rotation. A writer that closes
properly leaves the digest of the catalog beside it; while one works, or after one was killed,
there is none, and SQLite's own check has to do.
"""

import zlib
from pathlib import Path

from edgepatent_runtime import faults, whole
from edgepatent_runtime.collection.catalog import NAME
from edgepatent_runtime.collection.graph import file_digest

SEAL = "catalog.sha256"


def put(folder: Path, generation: int) -> None:
    """Seal the catalog, whose log must have been checkpointed. Raises `OSError`."""
    line = f"{generation} {file_digest(folder / NAME)}"
    whole.write(folder / SEAL, f"{line} {zlib.crc32(line.encode())}\n".encode())
    faults.point("seal.put")


def lift(folder: Path) -> None:
    """Remove the seal, before anything is changed."""
    (folder / SEAL).unlink(missing_ok=True)
    faults.point("seal.lifted")


def broken(folder: Path, generation: int) -> bool:
    """Whether the catalog of ``generation`` differs from what was sealed; False without a seal."""
    seal = _read(folder)
    if seal is None or seal[0] != generation:
        return False
    changed = file_digest(folder / NAME) != seal[1]
    # A writer that came meanwhile has lifted it.
    return changed and _read(folder) == seal


def _read(folder: Path) -> tuple[int, str] | None:
    """Generation and digest; None where the seal is missing or itself damaged."""
    try:
        line, _, checksum = (folder / SEAL).read_text().strip().rpartition(" ")
        generation, digest = line.split(" ")
        sound = int(checksum) == zlib.crc32(line.encode())
        return (int(generation), digest) if sound else None
    except (OSError, ValueError):
        return None
