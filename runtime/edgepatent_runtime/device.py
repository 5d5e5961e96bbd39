"""How this machine runs a model best, as ``edgepatent bench --compare --save`` measured.

It lies in the user's configuration, not in an index: an index goes to other machines. What another
kind of processor measured there (a home folder that machines share) is not taken.
"""

import hashlib
import os
from pathlib import Path
from typing import Annotated

import msgspec

from edgepatent_runtime import prepared, whole

_Count = Annotated[int, msgspec.Meta(ge=1, le=256)]


class Setting(msgspec.Struct, frozen=True):
    """Which of a bundle's models runs, on how many cores.

    ``threads`` for one drawing at a time, ``adding`` for ``batch`` of them at once.
    """

    precision: str
    threads: _Count
    adding: _Count
    batch: _Count


class _Saved(msgspec.Struct):
    processor: str
    models: dict[str, Setting]


def file() -> Path:
    """Where settings are saved; it need not exist. By the XDG base directory specification."""
    root = Path(os.environ.get("XDG_CONFIG_HOME", ""))
    if not root.is_absolute():
        root = Path("~/.config").expanduser()
    return root / "edgepatent" / "device.json"


def setting(model: str) -> Setting | None:
    """What was saved for the model with the SHA-256 ``model``; None where nothing was."""
    found = _read()
    return None if found is None else found.models.get(model)


def save(model: str, chosen: Setting) -> None:
    """Use ``chosen`` for ``model`` from now on. Raises `OSError`."""
    models = {} if (found := _read()) is None else found.models
    path = file()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    data = msgspec.json.encode(_Saved(_here(), {**models, model: chosen}))
    whole.write(path, msgspec.json.format(data, indent=2) + b"\n")


def _here() -> str:
    return hashlib.sha256(prepared.processor().encode()).hexdigest()


def _read() -> _Saved | None:
    try:
        found = msgspec.json.decode(file().read_bytes(), type=_Saved)
    except (OSError, RuntimeError, msgspec.DecodeError):
        # Nothing saved, no home, or not as it was written: as if nobody had measured.
        return None
    return found if found.processor == _here() else None
