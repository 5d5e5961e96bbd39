"""Sources that other packages bring, found by the entry point group "edgepatent.sources".

Looking through the installed packages takes milliseconds: it is left until a path has the form
"name:…" and no such file exists, and then done once.
"""

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from edgepatent_runtime.errors import SourceError
from edgepatent_runtime.sources.source import Plugin

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "edgepatent.sources"
# One letter is a drive of Windows.
_PREFIX = re.compile(r"([a-z][a-z0-9_+.-]+):")


def find(text: str) -> Plugin | None:
    """The plug-in that answers for ``text``, imported; None where ``text`` is the path of a file.

    Raises `SourceError` where no installed package answers, or its plug-in fails to import.
    """
    name = _prefix(text)
    if name is None:
        return None
    entry = _installed().get(name)
    if entry is None:
        known = ", ".join(f"{other}:" for other in sorted(_installed())) or "none"
        raise SourceError(
            f"{text} does not exist, and no installed package has sources named {name}: "
            f"(there are: {known}); pip install edgepatent-synthetic brings synthetic: and meshes:"
        )
    return _load(entry)


def is_generated(path: str) -> bool:
    """Whether ``path`` is a reference that an installed package draws, and no file."""
    name = _prefix(path)
    return name is not None and name in _installed()


def _prefix(text: str) -> str | None:
    """The name before the colon of "name:…"; None where there is none, or a file of that name."""
    found = _PREFIX.match(text)
    if found is None:
        return None
    try:
        return None if Path(text).exists() else found[1]
    except (OSError, ValueError):
        return found[1]


@cache
def _installed() -> "dict[str, EntryPoint]":
    from importlib import metadata

    return {entry.name: entry for entry in metadata.entry_points(group=GROUP)}


@cache
def _load(entry: "EntryPoint") -> Plugin:
    try:
        plugin: Plugin = entry.load()
    except Exception as error:  # what a stranger's module may raise is its own affair
        package = entry.dist.name if entry.dist else entry.value
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise SourceError(
            f"{entry.name}: cannot be used, its package {package} fails to import ({reason})"
        ) from error
    return plugin
