"""What folders of people's work (matters, watches) have in common: names, files, turns, time."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import filelock
import msgspec

from edgepatent_runtime import names
from edgepatent_runtime.errors import InputError

T = TypeVar("T")

# No document of ours is larger.
_MOST = 256 << 20

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


def content(path: Path) -> bytes:
    """The bytes of a document of ours.

    Raises `FileNotFoundError`, and `InputError` for what cannot be read: also for a link, a pipe or
    a device in its place, since people send each other such folders.
    """
    try:
        return names.read(path.parent, names.Name(path.name), _MOST)
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or error
        raise InputError(f"{path} cannot be read: {said}") from error


def read(path: Path, kind: type[T]) -> T:
    """A document of ours, as ``kind``.

    Raises `FileNotFoundError`, and `InputError` for what cannot be read or is none.
    """
    data = content(path)
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeError, RecursionError, InputError) as error:
        raise InputError(f"{path} is damaged: {error}") from error


def require_inside(folder: Path, *, write: bool) -> None:
    """Raise `InputError` where something in ``folder`` leads out of it: see `names.strange`.

    People send each other such folders, and a link would be written through.
    """
    try:
        what = names.strange(folder, write=write)
    except OSError as error:
        raise InputError(f"{folder} cannot be read: {error.strerror}") from error
    if what is not None:
        raise InputError(
            f"{folder}: {what}: remove it, or bring back a copy (cp -RL follows links)"
        )


@contextmanager
def turn(folder: Path, lock: str) -> Iterator[None]:
    """The one right to change ``folder``, by a file ``lock`` in it.

    The operating system takes it back from a program that dies. Raises `InputError` where another
    one does not give it back, and where something in ``folder`` leads out of it.
    """
    require_inside(folder, write=True)
    held = filelock.FileLock(folder / lock, timeout=_PATIENCE_S, mode=0o600)
    try:
        with held:
            yield
    except filelock.Timeout as error:
        raise InputError(f"{folder} is being written by another program: try again") from error


def now() -> str:
    """UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
