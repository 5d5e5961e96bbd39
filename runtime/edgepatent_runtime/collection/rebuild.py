"""All drawings encoded again, with another model: the collection stays, its space changes."""

from collections.abc import Iterator
from itertools import islice, tee
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgepatent_runtime import sources
from edgepatent_runtime.collection import vectors
from edgepatent_runtime.collection.ingest import BATCH, Encodes
from edgepatent_runtime.collection.model import copy_in, new_name
from edgepatent_runtime.collection.vectors import Rows
from edgepatent_runtime.collection.writer import Writer
from edgepatent_runtime.errors import CollectionError, DrawingError
from edgepatent_runtime.progress import Progress
from edgepatent_runtime.record import Record, Skipped
from edgepatent_runtime.sources.loading import load_all

_BLOCK = 10_000


def rebuild(writer: Writer, encoder: Encodes, skipped: Skipped, progress: Progress) -> int:
    """Encode every drawing with another model; how many there are then.

    Nothing changes before all are encoded: an interruption leaves the collection as it was, and
    readers go on until then. Every image must be there; those that cannot be decoded any more are
    counted in ``skipped`` and leave the collection. Raises `CollectionError` where images are
    missing.
    """
    writer.commit()
    live = writer.edits.live()
    _require_images(writer, live)
    model = copy_in(encoder.bundle, writer.folder, new_name(writer.folder))

    def stored() -> Iterator[tuple[int, Record]]:
        for start in range(0, len(live), _BLOCK):
            entries = writer.edits.stored(live[start : start + _BLOCK].tolist())
            yield from ((row, entries[row].record) for row in sorted(entries))

    def chunks() -> Iterator[tuple[Rows, npt.NDArray[np.void]]]:
        known, same = tee(stored())
        decoded = load_all((record for _, record in known), encoder.bundle.info.size)
        pairs = zip(same, decoded, strict=True)
        done = 0
        while batch := list(islice(pairs, BATCH)):
            numbers, drawings = [], []
            for (row, record), (_, drawing) in batch:
                if isinstance(drawing, DrawingError):
                    skipped.add(drawing.reason, record.image)
                else:
                    numbers.append(row)
                    drawings.append(drawing)
            if drawings:
                embeddings = encoder.encode(np.stack(drawings)[:, None])
                yield np.array(numbers), vectors.quantise(embeddings @ model.rotation.T)
            done += len(batch)
            progress("encoding drawings again", done, len(live))

    writer.rewrite(chunks(), model)
    return writer.state.rows


def _require_images(writer: Writer, live: Rows) -> None:
    """Raise `CollectionError` unless the file of every drawing is there."""
    missing = 0
    example = ""
    for start in range(0, len(live), _BLOCK):
        for entry in writer.edits.stored(live[start : start + _BLOCK].tolist()).values():
            path = entry.record.image.path
            if not path.startswith(sources.GENERATED) and not Path(path).is_file():
                missing, example = missing + 1, example or path
    if missing:
        raise CollectionError(
            f"{missing} of {len(live)} images are not there (the first: {example}): bring them "
            "back, or index remove their drawings"
        )
