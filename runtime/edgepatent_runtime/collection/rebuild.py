"""All drawings encoded again, with another model: the collection stays, its space changes."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgepatent_runtime import sources
from edgepatent_runtime.collection import vectors
from edgepatent_runtime.collection.catalog import Stored
from edgepatent_runtime.collection.ingest import BATCH, Drawing, Encodes
from edgepatent_runtime.collection.model import copy_in, new_name
from edgepatent_runtime.collection.vectors import Rows
from edgepatent_runtime.collection.writer import Writer
from edgepatent_runtime.errors import CollectionError, DrawingError
from edgepatent_runtime.progress import Progress
from edgepatent_runtime.record import Skipped


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
    size = encoder.bundle.info.size

    def load(entry: Stored) -> Drawing | DrawingError:
        try:
            return sources.load(entry.record.image, size)
        except DrawingError as error:
            return error
        except OSError as error:
            return DrawingError("unreadable file", str(error))

    def chunks() -> Iterator[tuple[Rows, npt.NDArray[np.void]]]:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for start in range(0, len(live), BATCH):
                numbers, drawings = [], []
                stored = writer.edits.stored(live[start : start + BATCH].tolist())
                rows = sorted(stored)
                for row, drawing in zip(rows, pool.map(load, map(stored.get, rows)), strict=True):
                    if isinstance(drawing, DrawingError):
                        skipped.add(drawing.reason, stored[row].record.image)
                    else:
                        numbers.append(row)
                        drawings.append(drawing)
                if drawings:
                    embeddings = encoder.encode(np.stack(drawings)[:, None])
                    yield np.array(numbers), vectors.quantise(embeddings @ model.rotation.T)
                progress("encoding drawings again", start + len(rows), len(live))

    writer.rewrite(chunks(), model)
    return writer.state.rows


def _require_images(writer: Writer, live: Rows) -> None:
    """Raise `CollectionError` unless the file of every drawing is there."""
    missing = 0
    example = ""
    for start in range(0, len(live), 10_000):
        for entry in writer.edits.stored(live[start : start + 10_000].tolist()).values():
            path = entry.record.image.path
            if not path.startswith(sources.GENERATED) and not Path(path).is_file():
                missing, example = missing + 1, example or path
    if missing:
        raise CollectionError(
            f"{missing} of {len(live)} images are not there (the first: {example}): bring them "
            "back, or index remove their drawings"
        )
