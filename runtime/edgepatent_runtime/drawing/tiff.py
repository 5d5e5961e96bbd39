"""The pages of a TIFF, each reached in one step, and what libtiff says of them.

Pillow walks from the first page to the one that is asked for, and reads every directory on the way:
a file of 10,000 pages would take it fifty million.
"""

import os
import struct
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import IO, Any, cast

from edgepatent_runtime.drawing.limits import MAX_PAGES
from edgepatent_runtime.errors import DrawingError

_DAMAGED = "damaged or truncated image"
# What libtiff writes of fax codes that it cannot read; it makes the rest of the row white and
# reports success.
_BAD_CODES = (b"Bad code word", b"Premature EOF", b"Uncompressed data")


def count(source: Path | bytes, file: IO[bytes]) -> int:
    """How many pages the TIFF ``source``, opened as ``file``, has. Raises `DrawingError`."""
    return len(_directories_of(source, file))


def begun_at(source: Path | bytes, file: IO[bytes], page: int) -> IO[bytes]:
    """The TIFF as if ``page`` (from 0) were its first one. Raises `DrawingError`."""
    directories = _directories_of(source, file)
    if not 0 <= page < len(directories):
        raise DrawingError("no such page", f"page {page + 1} of {len(directories)}")
    file.seek(0)
    order, big, head = _head(file.read(16))
    at = struct.pack(order + ("Q" if big else "I"), directories[page])
    file.seek(0)
    return cast(IO[bytes], _Begun(file, head[: -len(at)] + at))


class _Begun:
    """A file with another head."""

    def __init__(self, file: IO[bytes], head: bytes) -> None:
        self._file, self._head = file, head

    def read(self, size: int = -1) -> bytes:
        at = self._file.tell()
        data = self._file.read(size)
        if at >= len(self._head):
            return data
        own = self._head[at : at + len(data)]
        return own + data[len(own) :]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def _directories_of(source: Path | bytes, file: IO[bytes]) -> list[int]:
    if isinstance(source, bytes):
        return _directories(file)
    status = os.fstat(file.fileno())
    return _directories_in(source, status.st_mtime_ns, status.st_size)


# A page after the other of the same file is the usual way.
@lru_cache(maxsize=4)
def _directories_in(path: Path, mtime: int, size: int) -> list[int]:
    with path.open("rb") as file:
        return _directories(file)


def _directories(file: IO[bytes]) -> list[int]:
    """Where the directory of each page begins. Raises `DrawingError`."""
    file.seek(0)
    order, big, head = _head(file.read(16))
    number, entry, pointer = ("Q", 20, "Q") if big else ("H", 12, "I")
    (at,) = struct.unpack(order + pointer, head[-struct.calcsize(order + pointer) :])
    found: dict[int, None] = {}
    while at and at not in found:
        if len(found) == MAX_PAGES:
            raise DrawingError("more pages than the limit", f"over {MAX_PAGES:,}")
        found[at] = None
        try:
            file.seek(at)
            entries = _number(file, order + number)
            file.seek(entry * entries, os.SEEK_CUR)
            at = _number(file, order + pointer)
        except (struct.error, OSError, OverflowError, ValueError) as error:
            raise DrawingError(_DAMAGED, "a page of the TIFF is missing") from error
    return list(found)


def _number(file: IO[bytes], form: str) -> int:
    (number,) = struct.unpack(form, file.read(struct.calcsize(form)))
    return int(number)


def _head(start: bytes) -> tuple[str, bool, bytes]:
    """Byte order, whether the offsets have 64 bits, and the head that ends with the first one."""
    order = "<" if start.startswith(b"II") else ">"
    big = start[2:4] in (b"+\0", b"\0+")
    head = start[: 16 if big else 8]
    if len(head) < (16 if big else 8):
        raise DrawingError(_DAMAGED, "the TIFF ends early")
    return order, big, head


_standard_error = threading.Lock()


def _unnamed() -> IO[bytes]:
    """A file without a name; on Linux without a folder, too: there may be none to write to."""
    if sys.platform == "linux":
        return os.fdopen(os.memfd_create("libtiff"), "w+b")
    import tempfile

    return tempfile.TemporaryFile()


@contextmanager
def checked_codes() -> Iterator[None]:
    """Keep what libtiff writes on standard error from the terminal, and heed it.

    It tells nobody else of codes that it could not read. Raises `DrawingError` for such.
    """
    with _standard_error, _unnamed() as heard:
        try:
            before = os.dup(2)
        except OSError:
            # Nobody listens: libtiff writes to no one.
            before = None
        os.dup2(heard.fileno(), 2)
        try:
            yield
        finally:
            if before is None:
                os.close(2)
            else:
                os.dup2(before, 2)
                os.close(before)
        heard.seek(0)
        said = heard.read(1 << 16)
    if any(words in said for words in _BAD_CODES):
        raise DrawingError(_DAMAGED, "codes of the fax that cannot be read")
