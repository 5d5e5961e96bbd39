"""Folders that a process works in, and that the next one clears away where it was killed."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import filelock

_LOCK = "lock"


@contextmanager
def folder(prefix: str) -> Iterator[Path]:
    """A new folder for temporary files until the block ends, for its owner alone.

    Those of this user with the same ``prefix`` whose process has died are cleared away first: a
    lock in each tells, for the kernel lets go of it however a process ends.
    """
    _clear(prefix)
    while True:
        made = Path(tempfile.mkdtemp(prefix=prefix))
        lock = filelock.FileLock(made / _LOCK)
        with suppress(filelock.Timeout):
            lock.acquire(timeout=0)
            if (made / _LOCK).exists():
                break
        # Another process has taken it for a dead one's, in the moment before it was locked.
        lock.release()
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)
        lock.release()


def _clear(prefix: str) -> None:
    for old in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
        with suppress(OSError, filelock.Timeout):
            if old.is_symlink() or old.stat().st_uid != os.getuid():
                continue
            with filelock.FileLock(old / _LOCK, timeout=0):
                shutil.rmtree(old, ignore_errors=True)
