"""What folders of people's work (matters, watches) have in common: names, turns, the time."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import filelock

from edgepatent_runtime.errors import InputError

# How long a change waits for another program's change: those take milliseconds.
_PATIENCE_S = 10.0
# Also what Windows and shells take for a file name.
_NAME = re.compile(r"[^\W_](?:[\w .,()+-]{0,78}[\w)+-])?")


def require_name(name: str, what: str) -> str:
    """``name`` as it is. Raises `InputError` for one that could be any other file's."""
    if not _NAME.fullmatch(name):
        raise InputError(
            f"{name!r} cannot be the name of {what}: letters, digits, spaces and . , ( ) + - "
            "can, 80 at most, a letter or digit first"
        )
    return name


@contextmanager
def turn(folder: Path, lock: str) -> Iterator[None]:
    """The one right to change ``folder``, by a file ``lock`` in it.

    The operating system takes it back from a program that dies. Raises `InputError` where another
    one does not give it back.
    """
    held = filelock.FileLock(folder / lock, timeout=_PATIENCE_S, mode=0o600)
    try:
        with held:
            yield
    except filelock.Timeout as error:
        raise InputError(f"{folder} is being written by another program: try again") from error


def now() -> str:
    """UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
