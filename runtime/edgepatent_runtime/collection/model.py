"""The copy of its model that a collection carries."""

import os
from pathlib import Path

from edgepatent_runtime import faults, names
from edgepatent_runtime.bundle import INFO, SIGNATURE, Bundle
from edgepatent_runtime.collection.edits import Model
from edgepatent_runtime.collection.rotation import random_rotation
from edgepatent_runtime.whole import sync_folder

FIRST = "bundle-000001"


def new_name(folder: Path) -> str:
    """A name for another model's folder, which no state of the collection has used."""
    taken = [int(p.name[-6:]) for p in folder.glob("bundle-*") if p.name[-6:].isdigit()]
    return f"bundle-{max(taken, default=0) + 1:06d}"


def copy_in(bundle: Bundle, folder: Path, name: str) -> Model:
    """Copy ``bundle`` to ``folder / name``, every file checked on the way and synced.

    Raises `BundleError` where it is damaged.
    """
    # What an interrupted writer left there is not written into, whatever it is.
    names.remove_folder(folder, name)
    target = folder / name
    target.mkdir()
    for file in bundle.files:
        _write_synced(target / file, bundle.read(file))
    _write_synced(target / INFO, bundle.description())
    signature = bundle.signature()
    if signature is not None:
        _write_synced(target / SIGNATURE, signature)
    sync_folder(target)
    dimensions = bundle.info.dimensions
    return Model(bundle.info.space, name, dimensions, random_rotation(dimensions))


def _write_synced(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        faults.point("model.written")
        os.fsync(file.fileno())
    faults.point("model.synced")
