"""The seal of a catalog at rest: the checksum of the whole file, as a writer left it.

SQLite notices a torn page, not a flipped bit in a title or in the rotation. A writer that closes
properly leaves the digest of the catalog beside it; while one works, or after one was killed,
there is none, and SQLite's own check has to do.

As long as it is there nobody writes, so that a catalog can be read without SQLite's shared memory,
which its readers write to disk. Readers hold the seal, each for one question (`hold`). A writer
takes it away before anything else (`lift`), and leaves the catalog's own file as it is until all
who still hold it are done (`released`): what it commits meanwhile is in the log.
"""

import errno
import fcntl
import os
import zlib
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from edgepatent_runtime import faults, whole
from edgepatent_runtime.collection import handles

SEAL = "catalog.sha256"
LIFTED = "catalog.sha256.lifted"


class Held:
    """A catalog at rest, until `close`. ``mark`` differs once a writer has been there."""

    def __init__(self, file: BinaryIO, mark: tuple[object, ...]) -> None:
        self._file = file
        self.mark = mark

    def close(self) -> None:
        """Let a writer change the catalog's file."""
        self._file.close()


def hold(catalog: Path) -> Held | None:
    """Keep writers from changing the file ``catalog``; None where it is not at rest."""
    seal = catalog.with_name(SEAL)
    try:
        file = seal.open("rb")
    except OSError:
        return None
    held = None
    with suppress(OSError):  # taken away; or no locks on this file system
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        # One that is still in its place after it was locked was not taken away before.
        if os.path.samestat(os.fstat(file.fileno()), seal.stat()) and not has_log(catalog):
            status = catalog.stat()
            held = Held(file, (file.read(200), status.st_ino, status.st_size, status.st_mtime_ns))
    if held is None:
        file.close()
    return held


def has_log(catalog: Path) -> bool:
    """Whether there is more than the file ``catalog`` itself: a log that is not empty."""
    try:
        return catalog.with_name(f"{catalog.name}-wal").stat().st_size > 0
    except FileNotFoundError:
        return False


def put(catalog: Path, generation: int) -> None:
    """Seal the catalog, whose log must have been checkpointed. Raises `OSError`."""
    line = f"{generation} {handles.digest(catalog)}"
    whole.write(catalog.with_name(SEAL), f"{line} {zlib.crc32(line.encode())}\n".encode())
    faults.point("seal.put")


def lift(catalog: Path) -> None:
    """Take the seal away, before anything is changed."""
    with suppress(FileNotFoundError):
        catalog.with_name(SEAL).replace(catalog.with_name(LIFTED))
    faults.point("seal.lifted")


def released(catalog: Path) -> bool:
    """Whether nobody holds the seal that was taken away, by this writer or one that was killed."""
    lifted = catalog.with_name(LIFTED)
    try:
        with lifted.open("r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return True
    except OSError as error:
        # Where there are no locks nobody can hold one.
        if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS):
            return False
    with suppress(OSError):
        lifted.unlink()
    faults.point("seal.released")
    return True


def broken(catalog: Path, generation: int) -> bool:
    """Whether the catalog of ``generation`` differs from what was sealed; False without a seal."""
    seal = _read(catalog)
    if seal is None or seal[0] != generation:
        return False
    changed = handles.digest(catalog) != seal[1]
    # A writer that came meanwhile has lifted it.
    return changed and _read(catalog) == seal


def _read(catalog: Path) -> tuple[int, str] | None:
    """Generation and digest; None where the seal is missing or itself damaged."""
    try:
        line, _, checksum = catalog.with_name(SEAL).read_text().strip().rpartition(" ")
        generation, digest = line.split(" ")
        sound = int(checksum) == zlib.crc32(line.encode())
        return (int(generation), digest) if sound else None
    except (OSError, ValueError):
        return None
