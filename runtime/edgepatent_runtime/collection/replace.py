"""One part of a collection replaced by another, and its model where that changes, in one step."""

import dataclasses
from collections.abc import Set

import numpy as np

from edgepatent_runtime.bundle import Bundle
from edgepatent_runtime.collection.catalog import Catalog
from edgepatent_runtime.collection.merge import take_over
from edgepatent_runtime.collection.model import copy_in, new_name
from edgepatent_runtime.collection.snapshot import Snapshot
from edgepatent_runtime.collection.writer import Writer
from edgepatent_runtime.errors import SpaceMismatchError
from edgepatent_runtime.progress import Progress


def replace(
    writer: Writer,
    gone: Set[str],
    catalog: Catalog,
    taken: Snapshot,
    bundle: Bundle | None,
    progress: Progress,
) -> None:
    """Forget the patents ``gone``, then take over all that a state of another collection holds.

    ``bundle`` is its model where ours is to be replaced; then, if rows are not kept as ours are
    (another space or rotation), nothing of ours stays. All of it is there after the one commit, or
    nothing. Raises `SpaceMismatchError`, `BundleError`, and `CollectionError` as `take_over`.
    """
    same = taken.state.space == writer.state.space
    alike = same and np.array_equal(taken.rotation, writer.rotation)
    model = None
    if bundle is not None:
        info = bundle.info
        if (info.space, info.dimensions) != (taken.state.space, taken.state.dimensions):
            raise SpaceMismatchError(f"{bundle.folder} is not the model of {catalog.path.parent}")
        copied = copy_in(bundle, writer.folder, new_name(writer.folder))
        model = dataclasses.replace(copied, rotation=taken.rotation)
    elif not alike:
        raise SpaceMismatchError(f"{catalog.path.parent} is of another model than {writer.folder}")
    with writer.undone_on_failure():
        if not alike:
            writer.begin_anew((), model)
        else:
            writer.edits.remove_drawings(writer.edits.live_of(gone.__contains__))
            if model is not None:
                writer.set_model(model)
        take_over(writer, catalog, taken, progress)
        writer.commit()
