"""Opening the collection that a verb writes to, and filling it from files of embeddings."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np

from edgepatent.options import open_bundle
from edgepatent_runtime.collection import Collection
from edgepatent_runtime.collection.catalog import exists
from edgepatent_runtime.collection.ingest import Added
from edgepatent_runtime.errors import InputError
from edgepatent_runtime.progress import Progress
from edgepatent_runtime.record import Record, Skipped


def open_or_create(index: Path, model: str | None) -> Collection:
    """The collection in ``index``, open for writing; made for ``model`` where there is none.

    Raises `SpaceMismatchError` where it was made with another model than the one named.
    """
    if not exists(index):
        return Collection.create(index, open_bundle(model or "starter"))
    collection = Collection.open(index, write=True)
    if model is not None:
        try:
            collection.require_space(open_bundle(model).info.space)
        except BaseException:
            collection.close()
            raise
    return collection


def add_file(
    collection: Collection,
    embeddings: Path,
    metadata: Path | None,
    skipped: Skipped,
    progress: Progress,
) -> Added:
    """Index a .npy file of embeddings; ``metadata`` holds a record a line (`edgepatent embed`).

    Raises `InputError` where one of the files cannot be used or they do not belong together.
    """
    try:
        vectors = np.lib.format.open_memmap(embeddings, mode="r")
    except (OSError, ValueError, ArithmeticError, EOFError, SyntaxError, TypeError) as error:
        raise InputError(f"{embeddings} is no file of embeddings: {error}") from error
    if vectors.dtype.kind != "f" or vectors.ndim != 2:
        raise InputError(
            f"{embeddings} is no file of embeddings: it holds {vectors.dtype} "
            f"{list(vectors.shape)}, not float32 [N,D]"
        )
    records = _records(metadata or embeddings.with_suffix(".jsonl"))
    return collection.add_embeddings(records, vectors, skipped=skipped, progress=progress)


def _records(path: Path) -> Iterator[Record]:
    decoder = msgspec.json.Decoder(Record)
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                try:
                    yield decoder.decode(line)
                except (msgspec.DecodeError, RecursionError) as error:
                    raise InputError(f"{path}, line {number}: {error}") from error
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror}): name the records with --metadata"
        ) from error
