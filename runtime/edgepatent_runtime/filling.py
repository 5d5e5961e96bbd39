"""Drawings put into a store that is no folder: by way of small collections, made here.

Decoding, taking apart, encoding, pictures and what is skipped are those of a folder; the store only
copies in what came out.
"""

import os
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path

from edgepatent_runtime.bundle import Bundle
from edgepatent_runtime.collection import Collection
from edgepatent_runtime.collection.embedding import Encodes
from edgepatent_runtime.collection.ingest import Added
from edgepatent_runtime.errors import InputError
from edgepatent_runtime.progress import Progress, silent
from edgepatent_runtime.record import Record, Skipped
from edgepatent_runtime.search.searchable import Floats
from edgepatent_runtime.sources import plugins

CHUNK = 512
"""So many records are encoded before they are stored: an interruption loses no more."""


class Filled(ABC):
    """A store into which collections are copied; with that, drawings can be added to it."""

    @property
    @abstractmethod
    def bundle(self) -> Bundle:
        """The model."""

    @abstractmethod
    def require_space(self, space: str) -> None:
        """Raise `SpaceMismatchError` unless embeddings of ``space`` can be compared with ours."""

    @abstractmethod
    def merge(
        self,
        other: Collection,
        progress: Progress = silent,
        only: Callable[[str], bool] | None = None,
    ) -> Added:
        """Copy the drawings of a collection in; all drawings of a file come at once."""

    @abstractmethod
    def known(self, root: str, paths: Sequence[str]) -> dict[str, tuple[int, int]]:
        """Size in bytes and mtime in ns of those of ``paths`` below ``root`` that are stored."""

    @abstractmethod
    def update(self, root: str, told: Sequence[tuple[str, Record]]) -> int:
        """Bring what is known of stored drawings up to date, by their paths; how many changed.

        What a record does not know stays as it is.
        """

    def add(
        self,
        records: Iterable[Record],
        encoder: Encodes,
        *,
        root: str = "",
        skipped: Skipped | None = None,
        progress: Progress = silent,
        prune: bool = False,
        allow_empty: bool = False,
        keep_thumbnails: bool = True,
        figures: bool = False,
        total: int | None = None,
    ) -> Added:
        """Index the drawings of ``records`` whose paths lie below ``root``: see `ingest.add`.

        What is stored already is known by path, size and time. Raises `InputError` for ``prune``:
        whether a file has vanished, another machine may see otherwise.
        """
        if prune:
            raise InputError(
                "--prune goes with folders only, since other machines may add, too: forget what "
                "has vanished with edgepatent index remove"
            )
        self.require_space(encoder.bundle.info.space)
        skipped = Skipped() if skipped is None else skipped
        folder = str(Path(root).absolute()) if root and Path(root).exists() else ""
        result = Added()
        done = 0
        stream = iter(records)
        while listed := list(islice(stream, CHUNK)):
            new, old = self._sorted(folder, listed)
            if new:
                with self._empty() as part:
                    part.add(
                        new,
                        encoder,
                        root=root,
                        skipped=skipped,
                        keep_thumbnails=keep_thumbnails,
                        figures=figures,
                    )
                    result += self.merge(part)
            updated = self.update(folder, old) if old else 0
            result = result.plus(updated=updated, unchanged=len(old) - updated)
            done += len(listed)
            progress("indexing drawings", done, total)
        return result

    def add_embeddings(
        self,
        records: Iterable[Record],
        embeddings: Floats,
        *,
        root: str = "",
        skipped: Skipped | None = None,
        progress: Progress = silent,
    ) -> Added:
        """Index ready embeddings [N, D] of this store's model: see `ingest.add_embeddings`."""
        with self._empty() as part:
            part.add_embeddings(records, embeddings, root=root, skipped=skipped, progress=progress)
            return self.merge(part, progress)

    @contextmanager
    def _empty(self) -> Iterator[Collection]:
        """An empty collection of this model, which is gone afterwards."""
        with (
            tempfile.TemporaryDirectory(prefix="edgepatent-part-") as folder,
            Collection.create(Path(folder, "part"), self.bundle) as part,
        ):
            yield part

    def _sorted(
        self, root: str, records: Sequence[Record]
    ) -> tuple[list[Record], list[tuple[str, Record]]]:
        """The records whose file is not stored, or not as it is now; the others by their paths."""

        def relative(path: str) -> str:
            return os.path.relpath(Path(path).absolute(), root) if root else path

        known = self.known(root, sorted({relative(one.image.path) for one in records}))
        new: list[Record] = []
        old: list[tuple[str, Record]] = []
        for one in records:
            now = (0, 0)
            if not plugins.is_generated(one.image.path):
                # One that cannot be looked at is counted by whoever reads it.
                with suppress(OSError):
                    status = Path(one.image.path).stat()
                    now = status.st_size, status.st_mtime_ns
            path = relative(one.image.path)
            if known.get(path) == now:
                old.append((path, one))
            else:
                new.append(one)
        return new, old
