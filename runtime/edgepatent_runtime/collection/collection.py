"""Drawings made searchable: a folder with catalog, rows, signs, graph, thumbnails and its model."""

from collections.abc import Callable, Iterable, Iterator, Set
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np

from edgepatent_runtime.bundle import Bundle
from edgepatent_runtime.collection import calibration, info, thumbnails, upkeep
from edgepatent_runtime.collection.catalog import Catalog
from edgepatent_runtime.collection.connection import exists, require_inside
from edgepatent_runtime.collection.info import Info
from edgepatent_runtime.collection.lock import WriterLock
from edgepatent_runtime.collection.moment import Moment
from edgepatent_runtime.collection.snapshot import Snapshot
from edgepatent_runtime.collection.states import States
from edgepatent_runtime.collection.vectors import Floats
from edgepatent_runtime.errors import CollectionError, SpaceMismatchError
from edgepatent_runtime.filters import Filters
from edgepatent_runtime.progress import Progress, silent
from edgepatent_runtime.record import ImageRef, Record, Skipped

if TYPE_CHECKING:
    from edgepatent_runtime.collection.check import Problem
    from edgepatent_runtime.collection.edition import Edition
    from edgepatent_runtime.collection.embedding import Encodes
    from edgepatent_runtime.collection.ingest import Added
    from edgepatent_runtime.collection.writer import Writer


class Collection:
    """An open collection. Any number may read while one writes; each search sees one state.

    A reader may be shared between threads; a writer belongs to one. Close it, or use ``with``.
    """

    def __init__(self, folder: Path, *, write: bool, resident: bool) -> None:
        self.folder = folder
        self._writer: Writer | None = None
        self._states = States(folder, resident=resident)
        if folder.is_dir():
            require_inside(folder, write=write)
        if not exists(folder):
            raise CollectionError(
                f"there is no index in {folder}: make one with edgepatent index add SOURCE"
            )
        if write:
            # Only here: a search writes nothing.
            from edgepatent_runtime.collection import writer

            self._writer = writer.Writer(folder)
        self.space = ""
        try:
            with self.reading() as (_, taken):
                self.space = taken.state.space
                self.dimensions = taken.state.dimensions
        except BaseException:
            self.close()
            raise

    @classmethod
    def open(
        cls, folder: Path | str, *, write: bool = False, resident: bool = False
    ) -> "Collection":
        """Open the collection in ``folder``.

        ``write`` takes the one right to change it; ``resident`` loads the graph, for a process
        that searches more than once. Raises `CollectionError` where there is none, or one that is
        damaged or of a newer format, `LockedError` where another process writes.
        """
        return cls(Path(folder), write=write, resident=resident)

    @classmethod
    def create(
        cls, folder: Path | str, bundle: Bundle, rotation: Floats | None = None
    ) -> "Collection":
        """Make an empty collection for the model ``bundle``, copy it in, and open it for writing.

        Rows are kept under ``rotation`` [D, D], or under one of its own.

        Raises `CollectionError` where ``folder`` holds something else, `BundleError` where the
        bundle is damaged.
        """
        from edgepatent_runtime.collection import creation

        folder = Path(folder)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        require_inside(folder, write=True)
        lock = WriterLock(folder)
        try:
            creation.create(folder, bundle, rotation)
        finally:
            lock.release()
        return cls(folder, write=True, resident=False)

    def close(self) -> None:
        """Close all connections; what is not committed is given up."""
        self._states.close()
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def __enter__(self) -> "Collection":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # -- reading

    @property
    def name(self) -> str:
        """The folder, as it was named."""
        return str(self.folder)

    @contextmanager
    def reading(self) -> Iterator[tuple[Catalog, Snapshot]]:
        """One consistent state: the catalog inside a read transaction, and the rows it speaks of.

        Keep it for one search, not longer: while it is open the log cannot be checkpointed. Raises
        `SpaceMismatchError` where it is of another model than the one that was opened.
        """
        with self._states.one() as (known, taken):
            if self.space and taken.state.space != self.space:
                raise SpaceMismatchError(
                    f"{self.folder} was rebuilt with another model meanwhile: open it again"
                )
            yield known, taken

    @property
    def bundle(self) -> Bundle:
        """The model that made the embeddings. Raises `BundleError` where its copy is damaged."""
        with self.reading() as (_, taken):
            return Bundle(self.folder / taken.state.bundle)

    def require_space(self, space: str) -> None:
        """Raise `SpaceMismatchError` unless embeddings of ``space`` can be compared with ours."""
        if space != self.space:
            raise SpaceMismatchError(
                f"{self.folder} holds embeddings of another model (space {self.space[:12]}, not "
                f"{space[:12]}): use its own model, or run edgepatent index rebuild --model"
            )

    def edition(self, progress: Progress = silent) -> "Edition":
        """What it holds, to be compared with others: see `edition.take`."""
        from edgepatent_runtime.collection import edition

        with self.reading() as (known, taken):
            return edition.take(known, taken, progress)

    @contextmanager
    def moment(self) -> Iterator[Moment]:
        """One consistent state, for one question: see `moment.Moment`."""
        with self.reading() as (known, taken):
            yield Moment(known, taken, lambda: self._states.with_graph(known, taken))

    def calibration(self) -> bytes | None:
        """What `keep_calibration` got last; None where there is nothing, or it is damaged."""
        return calibration.read(self.folder)

    def thumbnail(self, row: int, image: ImageRef) -> bytes | None:
        """The PNG of the drawing ``image`` that was at ``row``; None where there is none (now)."""
        with self.reading() as (known, taken):
            if known.patents_of(np.array([row]))[0] < 0:
                return None
            entry = known.stored([row])[row]
            if entry.thumbnail is None or entry.record.image != image:
                return None
            file = self.folder / thumbnails.file_name(taken.state.vectors)
            return thumbnails.read(file, entry.thumbnail)

    def info(self) -> Info:
        """What the collection holds."""
        with self.reading() as (known, taken):
            return info.of(self.folder, known, taken)

    # -- writing

    @property
    def writer(self) -> "Writer":
        """The writing end. Raises `CollectionError` where the collection is open for reading."""
        if self._writer is None:
            raise CollectionError(f"{self.folder} is open for reading only")
        return self._writer

    @contextmanager
    def _writing(self) -> "Iterator[Writer]":
        """The writing end; what SQLite refuses is said in words, wherever it comes up."""
        writer = self.writer
        with writer.edits.failures():
            yield writer

    def add(
        self,
        records: Iterable[Record],
        encoder: "Encodes",
        *,
        root: str = "",
        skipped: Skipped | None = None,
        progress: Progress = silent,
        prune: bool = False,
        allow_empty: bool = False,
        keep_thumbnails: bool = True,
        figures: bool = False,
        total: int | None = None,
    ) -> "Added":
        """Index the drawings of ``records`` whose paths lie below ``root``: see `ingest.add`.

        ``total`` is how many there will be, for ``progress``, where that is known.
        """
        from edgepatent_runtime.collection import ingest

        with self._writing() as writer:
            return ingest.add(
                writer,
                records,
                encoder,
                root=root,
                skipped=Skipped() if skipped is None else skipped,
                progress=progress,
                prune=prune,
                allow_empty=allow_empty,
                keep_thumbnails=keep_thumbnails,
                figures=figures,
                total=total,
            )

    def remove(self, filters: Filters) -> int:
        """Forget all drawings that pass ``filters``; how many those were."""
        with self._writing() as writer:
            rows = writer.edits.matching(filters)
            writer.edits.remove_drawings(rows)
            writer.commit()
        return len(rows)

    def add_embeddings(
        self,
        records: Iterable[Record],
        embeddings: Floats,
        *,
        root: str = "",
        skipped: Skipped | None = None,
        progress: Progress = silent,
    ) -> "Added":
        """Index ready embeddings [N, D] of this collection's model: see `ingest.add_embeddings`."""
        from edgepatent_runtime.collection import ingest

        with self._writing() as writer:
            return ingest.add_embeddings(
                writer,
                records,
                embeddings,
                root=root,
                skipped=Skipped() if skipped is None else skipped,
                progress=progress,
            )

    def merge(
        self,
        other: "Collection",
        progress: Progress = silent,
        only: Callable[[str], bool] | None = None,
    ) -> "Added":
        """Copy the drawings of ``other`` in: see `merge.merge`."""
        from edgepatent_runtime.collection import merge

        other.require_space(self.space)
        with self._writing() as writer, other.reading() as (known, taken):
            return merge.merge(writer, known, taken, progress, only)

    def take_over(
        self, other: "Collection", only: Callable[[str], bool], progress: Progress = silent
    ) -> int:
        """Copy patents of ``other`` in just as they are there: see `merge.take_over`."""
        from edgepatent_runtime.collection import merge

        other.require_space(self.space)
        with (
            self._writing() as writer,
            other.reading() as (known, taken),
            writer.undone_on_failure(),
        ):
            count = merge.take_over(writer, known, taken, progress, only)
            writer.commit()
        return count

    def replace(
        self,
        gone: Set[str],
        other: "Collection",
        bundle: Bundle | None = None,
        progress: Progress = silent,
    ) -> None:
        """Forget patents and take over all of ``other``, in one step: see `replace.replace`."""
        from edgepatent_runtime.collection.replace import replace

        with self._writing() as writer, other.reading() as (known, taken):
            replace(writer, gone, known, taken, bundle, progress)
        self.space = self.writer.state.space
        self.dimensions = self.writer.state.dimensions

    def rebuild(self, encoder: "Encodes", skipped: Skipped, progress: Progress = silent) -> int:
        """Encode all drawings again, with another model: see `rebuild.rebuild`."""
        from edgepatent_runtime.collection import rebuild

        with self._writing() as writer:
            count = rebuild.rebuild(writer, encoder, skipped, progress)
        self.space = self.writer.state.space
        self.dimensions = self.writer.state.dimensions
        return count

    def take_apart(self, encoder: "Encodes", skipped: Skipped, progress: Progress = silent) -> int:
        """Store the figures of sheets that have none beside them: see `apart.take_apart`."""
        from edgepatent_runtime.collection import apart

        with self._writing() as writer:
            return apart.take_apart(writer, encoder, skipped, progress)

    def verify(self, progress: Progress = silent) -> "list[Problem]":
        """Everything that is wrong with the stored bytes: see `check.verify`."""
        from edgepatent_runtime.collection import check

        return check.verify(self.folder, progress)

    def finish(self, progress: Progress = silent, threads: int = 0) -> None:
        """What is due after changes: compaction and graph, where they are worth it."""
        with self._writing() as writer:
            upkeep.finish(writer, progress, threads)

    def keep_calibration(self, data: bytes) -> None:
        """Keep what was measured about the drawings, as far as there is room for it."""
        self.writer.keep_calibration(data)

    def compact(self, progress: Progress = silent) -> None:
        """Give back the room of removed drawings now."""
        with self._writing() as writer:
            upkeep.compact(writer, progress)
