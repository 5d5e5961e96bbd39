"""Changing a collection: first the rows, then the transaction that makes them exist."""

import re
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from edgepatent_runtime.bundle import Bundle
from edgepatent_runtime.collection import calibration, derive, leftovers, seal, thumbnails, vectors
from edgepatent_runtime.collection.connection import NAME, require_inside
from edgepatent_runtime.collection.edits import Edits, Model
from edgepatent_runtime.collection.entries import Derived, State
from edgepatent_runtime.collection.leftovers import LOOKED_AT, UNFINISHED
from edgepatent_runtime.collection.lock import WriterLock
from edgepatent_runtime.collection.model import copy_in, new_name
from edgepatent_runtime.collection.vectors import Floats, Rows, Vectors
from edgepatent_runtime.errors import SpaceMismatchError
from edgepatent_runtime.record import Record
from edgepatent_runtime.whole import sync_folder

PATIENCE = 30.0
"""So many seconds a writer that closes waits for searches that began before it did."""

BLOCK = 16_384
"""So many rows, or thumbnails, are moved at a time."""


def vectors_name(number: int) -> str:
    """The name of the ``number``-th file of rows."""
    return f"vectors-{number:06d}.rows"


class Writer:
    """The open end of a collection. Raises `LockedError` where somebody else writes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # Before the lock: it writes into files whose names are known to everybody.
        require_inside(folder, write=True)
        self._lock = WriterLock(folder)
        try:
            seal.lift(folder / NAME)
            self.edits = Edits(folder)
            try:
                with self.edits.failures():
                    self.edits.begin()
                    self.edits.migrate()
                    self.edits.sql.execute("COMMIT")
                    self.state = self.edits.state()
                    self.rotation = self.edits.rotation()
                    derived = (self.edits.derived(kind) for kind in ("signs", "graph"))
                    leftovers.sweep(folder, self.state, {one.file for one in derived if one})
            except BaseException:
                self.edits.close()
                raise
        except BaseException:
            self._lock.release()
            raise
        # Rows that were put and not committed: how many, and those of them not yet written.
        self._pending = 0
        self._rows: list[npt.NDArray[np.void]] = []
        # What goes once this transaction is committed, and what was before it where it began anew.
        self._outdated: list[str] = []
        self._before: tuple[State, Floats] | None = None

    def close(self) -> None:
        """Give up what is not committed, checkpoint, and let others write.

        Where somebody still reads what was there before, the log stays until the next writer.
        """
        try:
            self.rollback()
            with self.edits.failures():
                if self._alone() and self.edits.checkpoint():
                    # The last connection removes the log; then the file alone is the catalog.
                    self.edits.close()
                    with suppress(OSError):  # on a full disk there is no seal, that is all
                        seal.put(self.folder / NAME, self.state.generation)
        finally:
            self.edits.close()
            self._lock.release()

    def _alone(self) -> bool:
        """Wait until the catalog's own file may be changed, but not for somebody who hangs."""
        until = time.monotonic() + PATIENCE
        while not self.edits.alone():
            if time.monotonic() > until:
                return False
            time.sleep(0.01)
        return True

    # -- rows

    @property
    def next_row(self) -> int:
        """The number that the next row gets."""
        return self.state.rows + self._pending

    def vectors(self) -> Vectors:
        """The committed rows."""
        return Vectors.open(
            self.folder / self.state.vectors, self.state.dimensions, self.state.rows
        )

    @property
    def thumbnails(self) -> Path:
        """The file that thumbnails lie in."""
        return self.folder / thumbnails.file_name(self.state.vectors)

    def quantise(self, embeddings: Floats) -> npt.NDArray[np.void]:
        """The rows that store ``embeddings`` [N, D]."""
        return vectors.quantise(embeddings @ self.rotation.T)

    def put(
        self,
        rows: npt.NDArray[np.void],
        drawings: Sequence[tuple[int, str, Record]],
        pictures: Sequence[bytes | None],
    ) -> None:
        """Add rows [N] for drawings (file key, part, record), with pictures (PNG) where given.

        They exist after `commit`.
        """
        places = thumbnails.append(self.thumbnails, pictures)
        with self.edits.failures():
            for position, (file, part, record) in enumerate(drawings):
                row = self.next_row + position
                self.edits.add_drawing(row, file, part, record, places[position])
        self._rows.append(rows)
        self._pending += len(rows)

    def flush(self) -> None:
        """Write the rows that were put, ahead of `commit`: many need not wait in memory."""
        if self._rows:
            rows = np.concatenate(self._rows)
            vectors.append(self.folder / self.state.vectors, rows, self.next_row - len(rows))
            self._rows.clear()

    def commit(self) -> None:
        """Make everything put, changed and removed since the last commit exist, on the disk."""
        if not self.edits.sql.in_transaction:
            return
        try:
            total = self.next_row
            with self.edits.failures():
                if self._pending:
                    self.flush()
                    old = self.edits.derived("signs")
                    rows = Vectors.open(
                        self.folder / self.state.vectors, self.state.dimensions, total
                    )
                    new = derive.extend_signs(self.folder, rows, old)
                    self.edits.set_rows(self.state.vectors, total)
                    self.edits.set_derived("signs", new)
                    if old is not None and old.file != new.file:
                        self._outdated.append(old.file)
                    sync_folder(self.folder)
                self.edits.commit()
                self.edits.alone()
                self.state = self.edits.state()
        except BaseException:
            self.rollback()
            raise
        outdated, self._outdated = self._outdated, []
        self._before = None
        self._pending = 0
        leftovers.remove(self.folder, *outdated)

    def rollback(self) -> None:
        """Forget everything since the last commit."""
        self._rows.clear()
        self._pending = 0
        self._outdated.clear()
        if self._before is not None:
            self.state, self.rotation = self._before
            self._before = None
        self.edits.rollback()

    @contextmanager
    def undone_on_failure(self) -> Iterator[None]:
        """Forget what was not committed when an exception passes."""
        try:
            yield
        except BaseException:
            self.rollback()
            raise

    # -- the whole

    def rewrite(
        self,
        chunks: Iterable[tuple[Rows, npt.NDArray[np.void]]],
        model: Model | None = None,
    ) -> None:
        """Write all rows anew, to another file: (old row numbers, new rows), numbers ascending.

        Drawings that ``chunks`` leave out are removed. Who has the old file mapped keeps it.
        ``model`` says which model the new rows are embeddings of, if it is another one.
        """
        with self.undone_on_failure():
            self.begin_anew(chunks, model)
            self.commit()

    def begin_anew(
        self,
        chunks: Iterable[tuple[Rows, npt.NDArray[np.void]]],
        model: Model | None = None,
    ) -> None:
        """What `rewrite` does, up to the commit: more can be put before it."""
        old = self.state
        name = vectors_name(int(re.sub(r"\D", "", old.vectors)) + 1)
        path = self.folder / name
        leftovers.remove(self.folder, name)
        dimensions = model.dimensions if model else old.dimensions
        vectors.create(path, dimensions)
        kept: list[Rows] = [np.zeros(0, np.int64)]
        total = 0
        for numbers, rows in chunks:
            vectors.append(path, rows, total)
            kept.append(numbers)
            total += len(rows)
        self._before = old, self.rotation
        with self.edits.failures():
            self.edits.begin()
            keep = np.concatenate(kept)
            self.edits.remove_drawings(np.setdiff1d(self.edits.live(), keep))
            self._move_thumbnails(keep, name)
            self.edits.renumber(keep)
            self.edits.set_rows(name, total)
            for kind in ("signs", "graph"):
                derived = self.edits.derived(kind)
                if derived is not None:
                    self._outdated.append(derived.file)
                self.edits.set_derived(kind, None)
            if model is not None:
                self.set_model(model)
            self.state = msgspec.structs.replace(self.edits.state(), rows=0)
        sync_folder(self.folder)
        self._pending = total
        self._outdated += [old.vectors, thumbnails.file_name(old.vectors), UNFINISHED, LOOKED_AT]

    def set_model(self, model: Model) -> None:
        """Say which model the rows are embeddings of: its copy replaces the one before.

        It counts from the next commit on.
        """
        self._before = self._before or (self.state, self.rotation)
        with self.edits.failures():
            self.edits.begin()
            self._outdated.append(self.edits.state().bundle)
            self.edits.set_model(model)
        self.rotation = model.rotation

    def _move_thumbnails(self, live: Rows, name: str) -> None:
        """Copy the thumbnails of living rows to the file that belongs to the vectors ``name``."""
        source = self.thumbnails
        target = self.folder / thumbnails.file_name(name)
        leftovers.remove(self.folder, target.name)
        for start in range(0, len(live), BLOCK):
            stored = self.edits.stored(live[start : start + BLOCK].tolist())
            pictures = [
                thumbnails.read(source, entry.thumbnail) if entry.thumbnail else None
                for entry in stored.values()
            ]
            places = thumbnails.append(target, pictures)
            self.edits.set_thumbnails(
                [(*(place or (None, None)), row) for place, row in zip(places, stored, strict=True)]
            )

    def put_thumbnails(self, rows: Sequence[int], pictures: Sequence[bytes | None]) -> None:
        """Store other pictures (PNG, or None) for committed rows."""
        places = thumbnails.append(self.thumbnails, pictures)
        with self.edits.failures():
            self.edits.set_thumbnails(
                [(*(place or (None, None)), row) for place, row in zip(places, rows, strict=True)]
            )
            self.commit()

    def keep_calibration(self, data: bytes) -> None:
        """Keep what was measured about the drawings; on a full disk there is none, that is all."""
        with suppress(OSError):
            calibration.write(self.folder, data)

    def set_graph(self, graph: Derived | None) -> None:
        """Say which graph there is, or that there is none; the one before is removed."""
        old = self.edits.derived("graph")
        with self.edits.failures():
            self.edits.begin()
            self.edits.set_derived("graph", graph)
            self.commit()
        leftovers.remove(self.folder, old.file if old else None)

    def replace_bundle(self, bundle: Bundle) -> None:
        """Copy in a bundle of the same space in place of a damaged one.

        Raises `SpaceMismatchError` for another model.
        """
        if bundle.info.space != self.state.space:
            raise SpaceMismatchError(
                f"{bundle.folder} is not the model that {self.folder} was made with"
            )
        copied = copy_in(bundle, self.folder, new_name(self.folder))
        self.set_model(replace(copied, rotation=self.rotation))
        self.commit()
