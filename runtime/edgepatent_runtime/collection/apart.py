"""Sheets that were stored whole, taken apart afterwards: their figures come beside them."""

from collections import deque
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from edgepatent_runtime import faults
from edgepatent_runtime.collection import thumbnails
from edgepatent_runtime.collection.embedding import Encodes, embed
from edgepatent_runtime.collection.entries import Stored
from edgepatent_runtime.collection.ingest import BATCH, commit
from edgepatent_runtime.collection.known import Job, figure_of, is_gone
from edgepatent_runtime.collection.leftovers import LOOKED_AT
from edgepatent_runtime.collection.vectors import Rows
from edgepatent_runtime.collection.writer import Writer
from edgepatent_runtime.errors import DrawingError, SpaceMismatchError
from edgepatent_runtime.progress import Progress
from edgepatent_runtime.record import Record, Skipped
from edgepatent_runtime.sources import plugins
from edgepatent_runtime.sources.loading import load_parts

_BLOCK = 10_000


def take_apart(writer: Writer, encoder: Encodes, skipped: Skipped, progress: Progress) -> int:
    """Store the figures of all sheets that show several and have none beside them; how many.

    Each batch of 64 sheets is committed, and what was looked at is not looked at again: an
    interruption loses one batch. Sheets whose files are gone stay as they are, counted in
    ``skipped`` under the folder they came from; so do those that cannot be decoded any more.
    Raises `SpaceMismatchError` where the encoder is not the collection's model.
    """
    writer.commit()
    if encoder.bundle.info.space != writer.state.space:
        raise SpaceMismatchError(f"{writer.folder} was made with another model: use its own")
    looked_at = _LookedAt(writer)
    waiting = np.setdiff1d(writer.edits.sheets(), looked_at.rows)
    known: deque[Stored] = deque()

    def records() -> Iterator[Record]:
        for start in range(0, len(waiting), _BLOCK):
            entries = writer.edits.stored(waiting[start : start + _BLOCK].tolist())
            for row in sorted(entries):
                entry = entries[row]
                path = entry.record.image.path
                if not plugins.is_generated(path) and is_gone(Path(path)):
                    folder = entry.root or str(Path(path).parent)
                    skipped.add(f"gone from {folder}: bring it back and do this again", path)
                else:
                    known.append(entry)
                    yield entry.record

    added = done = 0
    loaded = load_parts(records(), encoder.bundle.info.size)
    with writer.undone_on_failure():
        while batch := list(islice(loaded, BATCH)):
            seen, jobs, drawings, pictures = [], [], [], []
            for record, parts in batch:
                entry = known.popleft()
                if isinstance(parts, DrawingError):
                    skipped.add(parts.reason, record.image)
                    continue
                seen.append(entry.row)
                sheet = Job(record, entry.file.key, "", None)
                for part in parts[1:]:
                    jobs.append(figure_of(sheet, part))
                    drawings.append(part.drawing)
                    # As the sheet: with a picture, or without.
                    pictures.append(thumbnails.make(part.drawing) if entry.thumbnail else None)
            if drawings:
                rows = writer.quantise(embed(encoder, drawings, [job.record.image for job in jobs]))
                added += commit(writer, jobs, rows, pictures)[0]
            looked_at.append(np.array(seen, np.int64))
            done += len(batch)
            progress("taking sheets apart", done, len(waiting))
    return added


class _LookedAt:
    """The rows of sheets that were taken apart, most of which show one figure only.

    In a file whose first line says of which rows they are; it may be lost, and goes with them.
    """

    def __init__(self, writer: Writer) -> None:
        self._path = writer.folder / LOOKED_AT
        head = f"figures of {writer.state.vectors}\n".encode()
        stored = self._path.read_bytes() if self._path.is_file() else b""
        body = stored.removeprefix(head) if stored.startswith(head) else b""
        self.rows: Rows = np.frombuffer(body[: len(body) // 8 * 8], "<i8").astype(np.int64)
        with self._path.open("r+b" if body else "wb") as file:
            file.write(head)
            file.truncate(len(head) + self.rows.nbytes)

    def append(self, rows: Rows) -> None:
        """Keep ``rows`` [N]."""
        faults.point("figures.stored")
        with self._path.open("ab") as file:
            file.write(rows.astype("<i8").tobytes())
