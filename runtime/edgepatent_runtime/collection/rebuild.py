"""All drawings encoded again, with another model: the collection stays, its space changes."""

from collections.abc import Iterator
from itertools import islice, tee
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgepatent_runtime import faults
from edgepatent_runtime.bundle import Bundle
from edgepatent_runtime.collection import vectors
from edgepatent_runtime.collection.embedding import Encodes, embed
from edgepatent_runtime.collection.ingest import BATCH
from edgepatent_runtime.collection.leftovers import UNFINISHED
from edgepatent_runtime.collection.model import copy_in, new_name
from edgepatent_runtime.collection.vectors import Rows
from edgepatent_runtime.collection.writer import Writer
from edgepatent_runtime.errors import BundleError, CollectionError, DrawingError
from edgepatent_runtime.progress import Progress
from edgepatent_runtime.record import Record, Skipped
from edgepatent_runtime.sources import plugins
from edgepatent_runtime.sources.loading import load_all

_BLOCK = 10_000


def rebuild(writer: Writer, encoder: Encodes, skipped: Skipped, progress: Progress) -> int:
    """Encode every drawing with another model; how many there are then.

    Nothing changes before all are encoded: an interruption leaves the collection as it was, and
    readers go on until then. What was encoded is kept, and the same rebuild begun again goes on
    from there. Every image must be there; those that cannot be decoded any more are counted in
    ``skipped`` and leave the collection. Raises `CollectionError` where images are missing.

    Another copy of the collection's own model (one that knows words, one for another processor)
    only takes the place of the one that is kept: embeddings are of its space already.
    """
    writer.commit()
    live = writer.edits.live()
    if _is_another_copy(encoder.bundle, writer):
        writer.replace_bundle(encoder.bundle)
        return len(live)
    _require_images(writer, live)
    model = copy_in(encoder.bundle, writer.folder, new_name(writer.folder))
    encoded = _Encoded(writer, model.space, model.dimensions)
    missing = np.setdiff1d(live, encoded.numbers)

    def stored() -> Iterator[tuple[int, Record]]:
        for start in range(0, len(missing), _BLOCK):
            entries = writer.edits.stored(missing[start : start + _BLOCK].tolist())
            yield from ((row, entries[row].record) for row in sorted(entries))

    known, same = tee(stored())
    decoded = load_all((record for _, record in known), encoder.bundle.info.size)
    pairs = zip(same, decoded, strict=True)
    done = len(live) - len(missing)
    while batch := list(islice(pairs, BATCH)):
        numbers, drawings, images = [], [], []
        for (row, record), (_, drawing) in batch:
            if isinstance(drawing, DrawingError):
                skipped.add(drawing.reason, record.image)
            else:
                numbers.append(row)
                drawings.append(drawing)
                images.append(record.image)
        if drawings:
            embeddings = embed(encoder, drawings, images)
            encoded.append(np.array(numbers), vectors.quantise(embeddings @ model.rotation.T))
        done += len(batch)
        progress("encoding drawings again", done, len(live))

    writer.rewrite(encoded.chunks(live), model)
    return writer.state.rows


def _is_another_copy(bundle: Bundle, writer: Writer) -> bool:
    if bundle.info.space != writer.state.space:
        return False
    try:
        return bundle.files != Bundle(writer.folder / writer.state.bundle).files
    except BundleError:
        # Damaged: whoever rebuilds wants all of it anew.
        return False


class _Encoded:
    """The new rows so far, in a file that outlives an interruption.

    Its first line says of which model and of which rows they are; anything else is begun anew.
    Then one entry a row: the number of the row that it will replace, and the row, with a checksum
    over both. An entry that was not wholly written ends what is taken over.
    """

    def __init__(self, writer: Writer, space: str, dimensions: int) -> None:
        self._path = writer.folder / UNFINISHED
        self._kind = np.dtype([("number", "<i8"), ("row", vectors.row_type(dimensions))])
        self._head = f"{space} {writer.state.vectors}\n".encode()
        whole = self._whole()
        self.numbers: Rows = whole["number"].astype(np.int64)
        with self._path.open("r+b" if len(whole) else "wb") as file:
            file.write(self._head)
            file.truncate(len(self._head) + whole.nbytes)

    def append(self, numbers: Rows, rows: npt.NDArray[np.void]) -> None:
        """Keep ``rows`` [N], which will replace those of ``numbers`` [N]."""
        entries = np.zeros(len(rows), self._kind)
        rows["crc"] = vectors.checksums(rows, numbers)
        entries["number"], entries["row"] = numbers, rows
        with self._path.open("ab") as file:
            file.write(entries.tobytes())
        faults.point("encoded.written")

    def chunks(self, live: Rows) -> Iterator[tuple[Rows, npt.NDArray[np.void]]]:
        """What `Writer.rewrite` takes: the rows of ``live`` that were encoded, ascending."""
        entries = self._entries()
        order = np.argsort(entries["number"])
        order = order[np.isin(entries["number"][order], live)]
        for start in range(0, len(order), _BLOCK):
            block = np.array(entries[order[start : start + _BLOCK]])
            yield block["number"], np.ascontiguousarray(block["row"])

    def _whole(self) -> npt.NDArray[np.void]:
        """The entries of an earlier attempt at the same, up to the first that is not whole."""
        entries = self._entries()
        wrong = np.zeros(len(entries), bool)
        for start in range(0, len(entries), _BLOCK):
            block = np.array(entries[start : start + _BLOCK])
            rows = np.ascontiguousarray(block["row"])
            wrong[start : start + _BLOCK] = vectors.checksums(rows, block["number"]) != rows["crc"]
        return entries[: int(wrong.argmax())] if wrong.any() else entries

    def _entries(self) -> npt.NDArray[np.void]:
        if not self._path.is_file():
            return np.zeros(0, self._kind)
        with self._path.open("rb") as file:
            count = (self._path.stat().st_size - len(self._head)) // self._kind.itemsize
            if file.read(len(self._head)) != self._head or count == 0:
                return np.zeros(0, self._kind)
            return np.memmap(file, self._kind, "r", len(self._head), (count,))


def _require_images(writer: Writer, live: Rows) -> None:
    """Raise `CollectionError` unless the file of every drawing is there."""
    missing = 0
    example = ""
    for start in range(0, len(live), _BLOCK):
        for entry in writer.edits.stored(live[start : start + _BLOCK].tolist()).values():
            path = entry.record.image.path
            if not plugins.is_generated(path) and not Path(path).is_file():
                missing, example = missing + 1, example or path
    if missing:
        raise CollectionError(
            f"{missing} of {len(live)} images are not there (the first: {example}): bring them "
            "back, or index remove their drawings"
        )
