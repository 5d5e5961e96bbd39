"""Opening the collection that a verb writes to."""

from pathlib import Path

from edgepatent.options import open_bundle
from edgepatent_runtime.collection import Collection
from edgepatent_runtime.collection.catalog import NAME


def open_or_create(index: Path, model: str | None) -> Collection:
    """The collection in ``index``, open for writing; made for ``model`` where there is none.

    Raises `SpaceMismatchError` where it was made with another model than the one named.
    """
    if not (index / NAME).is_file():
        return Collection.create(index, open_bundle(model or "starter"))
    collection = Collection.open(index, write=True)
    if model is not None:
        try:
            collection.require_space(open_bundle(model).info.space)
        except BaseException:
            collection.close()
            raise
    return collection
