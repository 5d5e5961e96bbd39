"""Names of what lies directly in a folder: nothing that is read from disk leads anywhere else.

People send each other bundles and collections. A name that stands in one (in ``bundle.json``, in
the catalog) becomes a `Name` where it is read, and whatever copies or deletes by name takes one.
"""

import errno
import os
import shutil
import stat
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

_FORBIDDEN = frozenset("/\\:\x7f") | frozenset(map(chr, range(32)))
_LONGEST = 255


class Name(str):
    """The plain name of a file or folder inside another folder.

    Raises `ValueError` for anything that is not one on every system: empty, ``.``, ``..``, a path,
    a drive, control characters, more than 255 bytes.
    """

    __slots__ = ()

    def __new__(cls, text: str) -> "Name":  # noqa: D102 - the class says it
        try:
            length = len(text.encode())
        except UnicodeEncodeError:
            length = 0
        if text in (".", "..") or not 0 < length <= _LONGEST or _FORBIDDEN.intersection(text):
            raise ValueError(f"{text[:80]!r} is no plain file name")
        return super().__new__(cls, text)


def read(folder: Path, name: Name, limit: int) -> bytes:
    """The content of a regular file of at most ``limit`` bytes that lies in ``folder`` itself.

    Raises `OSError`, also for a link, a pipe or a device in its place, and for a larger file.
    """
    with opened(folder, name, limit) as file:
        return file.read()


def opened(folder: Path, name: Name, limit: int) -> BinaryIO:
    """The same file, open for reading."""
    path = folder / name
    # Without blocking: to open a pipe would wait for whoever writes into it.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    file = os.fdopen(descriptor, "rb")
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        if status.st_size > limit:
            raise OSError(errno.EFBIG, f"larger than {limit:,} bytes", str(path))
    except BaseException:
        file.close()
        raise
    return file


def strange(folder: Path, *, write: bool) -> str | None:
    """The first thing in ``folder`` that leads out of it, in words; None where there is none.

    That is a link, and a pipe, socket or device; with ``write`` also a file that has a second
    name, since what is written into it would be written there too. What a writer removes
    meanwhile, ``folder`` itself included, leads nowhere. Raises `OSError`.
    """
    try:
        with os.scandir(folder) as listed:
            entries = list(listed)
    except FileNotFoundError:
        return None
    for entry in entries:
        try:
            status = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            continue
        if stat.S_ISDIR(status.st_mode):
            continue
        if stat.S_ISLNK(status.st_mode):
            return f"{entry.name} is a link to elsewhere"
        if not stat.S_ISREG(status.st_mode):
            return f"{entry.name} is no regular file"
        if write and status.st_nlink > 1:
            return f"{entry.name} is the same file as another elsewhere (a hard link)"
    return None


def size(folder: Path) -> int:
    """How many bytes the files in ``folder`` and below have; what vanishes meanwhile has none."""
    total = 0
    for inside, _, files in os.walk(folder):
        for name in files:
            with suppress(FileNotFoundError):
                total += Path(inside, name).lstat().st_size
    return total


def remove_file(folder: Path, name: str) -> None:
    """Remove a file of ``folder``, if it is there; a link, not what it leads to.

    Raises `ValueError` for what is no `Name`, `OSError` where it cannot be removed.
    """
    (folder / Name(name)).unlink(missing_ok=True)


def remove_folder(folder: Path, name: str) -> None:
    """Remove a folder inside ``folder`` with all it holds, as far as that can be done.

    A link is removed itself, not what it leads to. Raises `ValueError` for what is no `Name`.
    """
    path = folder / Name(name)
    if path.is_symlink():
        path.unlink()
    else:
        shutil.rmtree(path, ignore_errors=True)
