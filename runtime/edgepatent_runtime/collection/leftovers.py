"""Files that no committed state names: what a writer replaced, and what an interrupted one left."""

import re
from collections.abc import Set
from pathlib import Path

from edgepatent_runtime import faults, names
from edgepatent_runtime.collection import thumbnails
from edgepatent_runtime.collection.entries import State

UNFINISHED = "rebuild.part"
"""The file in which a rebuild keeps what it has encoded, until the rows are rewritten."""

LOOKED_AT = "figures.part"
"""The file that lists the sheets which were taken apart, until the rows are rewritten."""

UPDATE = "update.part"
"""The folder in which an update is prepared, until it is part of the index."""

_OWN_FILES = re.compile(
    r"vectors-\d{6,9}\.rows|thumbnails-\d{6,9}\.bin|(signs|graph)-\d{6,9}(-\d+){1,2}"
    r"|\.(catalog\.sha256|calibration)\.\w+\.part"
)
_BUNDLES = re.compile(r"bundle-\d{6,9}")


def remove(folder: Path, *outdated: str | None) -> None:
    """Remove what is named, where something is: files, and bundles, which are folders."""
    for name in outdated:
        if name:
            of_kind = names.remove_folder if _BUNDLES.fullmatch(name) else names.remove_file
            of_kind(folder, name)
            faults.point("old.removed")


def sweep(folder: Path, state: State, derived: Set[str]) -> None:
    """Remove what an interrupted writer left in ``folder`` beside the committed ``state``.

    ``derived`` names its signs and its graph.
    """
    wanted = {state.vectors, thumbnails.file_name(state.vectors), *derived}
    for path in list(folder.iterdir()):
        if path.name in wanted:
            continue
        if path.name in (UNFINISHED, LOOKED_AT):
            if not _goes_on(path, state.vectors):
                names.remove_file(folder, path.name)
        elif _OWN_FILES.fullmatch(path.name):
            names.remove_file(folder, path.name)
        elif path.name == UPDATE or (_BUNDLES.fullmatch(path.name) and path.name != state.bundle):
            names.remove_folder(folder, path.name)


def _goes_on(unfinished: Path, vectors: str) -> bool:
    """Whether what was left unfinished is of these rows: its first line ends so."""
    with unfinished.open("rb") as file:
        return file.readline(400).endswith(f" {vectors}\n".encode())
