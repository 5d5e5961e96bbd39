"""A new collection: nothing in it yet but its model, and whole from the moment it has its name."""

import re
from dataclasses import replace
from pathlib import Path

from edgepatent_runtime import faults, names
from edgepatent_runtime.bundle import Bundle
from edgepatent_runtime.collection import model, vectors
from edgepatent_runtime.collection.connection import NAME, exists
from edgepatent_runtime.collection.edits import Edits
from edgepatent_runtime.collection.entries import State
from edgepatent_runtime.collection.lock import HOLDER, LOCK
from edgepatent_runtime.collection.vectors import Floats
from edgepatent_runtime.collection.writer import vectors_name
from edgepatent_runtime.errors import CollectionError
from edgepatent_runtime.whole import sync_folder

_NEW = f"{NAME}.new"

# What an interrupted creation may leave behind.
_LEFT = re.compile(r"catalog\.sqlite(\.new)?(-wal|-shm|-journal)?|vectors-000001\.rows")


def create(folder: Path, bundle: Bundle, rotation: Floats | None = None) -> None:
    """Write an empty collection into ``folder``; the catalog comes last and makes it one.

    Rows will be kept under ``rotation`` [D, D], or under one of its own.
    """
    known = {LOCK, HOLDER, model.FIRST}
    others = [p.name for p in folder.iterdir() if p.name not in known]
    if exists(folder):
        raise CollectionError(f"there is an index in {folder} already")
    strange = [name for name in others if not _LEFT.fullmatch(name)]
    if strange:
        raise CollectionError(
            f"{folder} holds other files ({strange[0]}): name a new or empty folder"
        )
    for name in others:
        names.remove_file(folder, name)
    copied = model.copy_in(bundle, folder, model.FIRST)
    if rotation is not None:
        copied = replace(copied, rotation=rotation)
    state = State(copied.space, copied.dimensions, copied.bundle, vectors_name(1), 0, 0)
    vectors.create(folder / state.vectors, copied.dimensions)
    sync_folder(folder)
    edits = Edits(folder, name=_NEW)
    try:
        with edits.failures():
            edits.begin()
            edits.migrate()
            edits.initialise(state, copied.rotation)
            edits.commit()
            edits.checkpoint()
    finally:
        edits.close()
    # Only now is there a collection: a name that appears with all that belongs to it.
    faults.point("catalog.made")
    (folder / _NEW).rename(folder / NAME)
    faults.point("catalog.named")
    sync_folder(folder)
