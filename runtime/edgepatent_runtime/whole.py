"""Files that are there wholly or not at all, whatever becomes of the program or the disk."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from edgepatent_runtime import faults


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file that takes the place of ``path`` when the block ends, synced; until then the old one.

    When it raises, the old one stays. A new file can be read by its owner only: what is searched
    for is often not yet public. One that is replaced keeps its permissions, and a link leads where
    it did. A pipe or device (``/dev/stdout``) is written to as it is. Raises `OSError`.
    """
    target = Path(os.path.realpath(path))
    mode = 0o600
    with suppress(FileNotFoundError):
        status = target.stat()
        if not stat.S_ISREG(status.st_mode):
            with target.open("wb") as file:
                yield file
            return
        mode = stat.S_IMODE(status.st_mode)
    import tempfile

    descriptor, name = tempfile.mkstemp(
        prefix=f".{target.name[:40]}.", suffix=".part", dir=target.parent
    )
    part = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            faults.point("whole.written")
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        faults.point("whole.synced")
        part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    faults.point("whole.renamed")
    sync_folder(target.parent)


def write(path: Path, data: bytes) -> None:
    """Write ``data`` to ``path``, as `replacing` does. Raises `OSError`."""
    with replacing(path) as file:
        file.write(data)


@contextmanager
def new_folder(path: Path, mode: int = 0o755) -> Iterator[Path]:
    """A folder that gets the name ``path`` when the block ends, synced with all it holds.

    ``mode`` says who may look into it. When it raises, and until then, nothing is there. Raises
    `OSError`.
    """
    import shutil
    import tempfile

    part = Path(
        tempfile.mkdtemp(prefix=f".{path.name[:40]}.", suffix=".part", dir=path.absolute().parent)
    )
    try:
        yield part
        part.chmod(mode)
        for inside in part.rglob("*"):
            if inside.is_dir():
                sync_folder(inside)
            else:
                with inside.open("rb") as file:
                    os.fsync(file.fileno())
        sync_folder(part)
        part.rename(path)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    sync_folder(path.absolute().parent)


def sync_folder(folder: Path) -> None:
    """Make new and removed names in ``folder`` last, where its file system knows how."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # some network file systems cannot sync a folder
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
