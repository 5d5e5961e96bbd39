"""Handles of a catalog beside those of SQLite.

When a process closes any handle of a file, POSIX takes all its locks on that file away, those that
SQLite counts on among them (https://sqlite.org/howtocorrupt.html, section 2.2): another process
would then take itself for the last to use the catalog. So a handle of ours stays open as long as
SQLite has one.
"""

import hashlib
import sqlite3
import threading
import weakref
from collections import Counter
from io import BufferedReader
from pathlib import Path
from typing import Any

_Key = tuple[int, int]
_guard = threading.Lock()
_used: Counter[_Key] = Counter()
_kept: dict[_Key, list[BufferedReader]] = {}


class Connection(sqlite3.Connection):
    """A connection to the file ``path``, known here until it is closed or forgotten."""

    def __init__(self, *arguments: Any, path: Path, **options: Any) -> None:
        key = _key(path)
        with _guard:
            _used[key] += 1
        self._forget = weakref.finalize(self, _forget, key)
        super().__init__(*arguments, **options)

    def close(self) -> None:
        """Close it, and what had to stay open for it."""
        super().close()
        self._forget()


def digest(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits. Raises `OSError`."""
    key = _key(path)
    with _guard:
        kept = _kept.get(key)
        file = kept.pop() if kept else path.open("rb")
    try:
        file.seek(0)
        return hashlib.file_digest(file, "sha256").hexdigest()
    finally:
        with _guard:
            if _used[key]:
                _kept.setdefault(key, []).append(file)
            else:
                file.close()


def _key(path: Path) -> _Key:
    """Device and number of a file; of none where there is no file yet, which nobody else has."""
    try:
        status = path.stat()
    except OSError:
        return 0, 0
    return status.st_dev, status.st_ino


def _forget(key: _Key) -> None:
    with _guard:
        _used[key] -= 1
        if _used[key] <= 0:
            del _used[key]
            for file in _kept.pop(key, ()):
                file.close()
