"""Drawings put into a store that is no folder: by way of small collections, made here.

Decoding, taking apart, encoding, pictures and what is skipped are those of a folder; the store only
copies in what came out. What is stored already is known by path, size and time, a renamed file by
its content, as in a folder.
"""

import os
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import msgspec

from edgepatent_runtime.bundle import Bundle
from edgepatent_runtime.collection import Collection
from edgepatent_runtime.collection.embedding import Encodes
from edgepatent_runtime.collection.entries import image_of, part_of
from edgepatent_runtime.collection.ingest import Added
from edgepatent_runtime.collection.known import content_digest, is_gone, representable
from edgepatent_runtime.errors import InputError
from edgepatent_runtime.progress import Progress, silent
from edgepatent_runtime.record import Record, Skipped
from edgepatent_runtime.search.searchable import Floats
from edgepatent_runtime.sources import plugins

CHUNK = 512
"""So many records are encoded before they are stored: an interruption loses no more."""


class StoredFile(msgspec.Struct, frozen=True):
    """A stored file: where it lies, its size in bytes, mtime in ns and content digest."""

    root: str
    path: str
    size: int
    mtime_ns: int
    digest: bytes


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
    def known(self, root: str, paths: Sequence[str]) -> dict[str, StoredFile]:
        """Those of the files ``paths`` below ``root`` that are stored."""

    @abstractmethod
    def holds(self, root: str, drawings: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
        """Those of the drawings (path below ``root``, part) that are stored."""

    @abstractmethod
    def alike(self, digests: Sequence[bytes]) -> list[StoredFile]:
        """The stored files of these contents."""

    @abstractmethod
    def move(self, moved: Sequence[tuple[StoredFile, StoredFile]]) -> None:
        """Store that files of unchanged content lie elsewhere now, or were touched."""

    @abstractmethod
    def below(self, root: str) -> Iterator[tuple[str, str]]:
        """The path below ``root`` and the part (see `part_of`) of every drawing of there."""

    @abstractmethod
    def update(self, root: str, told: Sequence[tuple[str, Record]]) -> int:
        """Bring what is known of stored drawings up to date, by their paths; how many changed.

        What a record does not know stays as it is; the figures of a sheet change with it.
        """

    @abstractmethod
    def forget(self, root: str, drawings: Sequence[tuple[str, str]]) -> int:
        """Forget drawings, by path below ``root`` and part; how many those were."""

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

        A path names the same file on every machine that adds. Raises `InputError` where pruning is
        refused.
        """
        self.require_space(encoder.bundle.info.space)
        skipped = Skipped() if skipped is None else skipped
        here = _Here(root)
        result = Added()
        listed = used = 0
        stream = iter(records)
        while chunk := list(islice(stream, CHUNK)):
            fates = self._fates(here, chunk)
            for told, fate in ((fates.there, "unchanged"), (fates.renamed, "renamed")):
                updated = self.update(here.root, told) if told else 0
                result = result.plus(updated=updated, **{fate: len(told) - updated})
            used += len(chunk) - len(fates.new)
            if fates.new:
                failed = len(skipped)
                with self._empty() as part:
                    part.add(
                        fates.new,
                        encoder,
                        root=root,
                        skipped=skipped,
                        keep_thumbnails=keep_thumbnails,
                        figures=figures,
                    )
                    result += self.merge(part)
                used += len(fates.new) - (len(skipped) - failed)
            listed += len(chunk)
            progress("indexing drawings", listed, total)
        if prune:
            gone = here.gone(self.below(here.root))
            if gone and not used and not allow_empty:
                raise here.refusal(len(gone))
            result = result.plus(removed=self.forget(here.root, gone) if gone else 0)
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

    def _fates(self, here: "_Here", records: Sequence[Record]) -> "_Fates":
        """What is to be done with each of the records; files that have moved are moved."""
        paths = {one.image.path: here.relative(one.image.path) for one in records}
        known = self.known(here.root, sorted(set(paths.values())))
        same = set()
        others: list[StoredFile] = []
        for path, relative in paths.items():
            now, stored = here.look(path), known.get(relative)
            if now is None:
                continue  # who reads it counts it
            if stored is not None and (stored.size, stored.mtime_ns) == now:
                same.add(relative)
            elif (digest := here.digest(path)) is not None:
                others.append(StoredFile(here.root, relative, *now, digest))
        lost = self._lost({one.digest for one in others if one.path not in known})
        moves, renamed = [], set()
        for file in others:
            before = known.get(file.path)
            if before is None and (candidates := lost.get(file.digest)):
                renamed.add(file.path)
                moves.append((candidates.pop(), file))
            elif before is not None and before.digest == file.digest:
                same.add(file.path)
                moves.append((before, file))
        if moves:
            self.move(moves)
        drawings = [(paths[one.image.path], part_of(one.image)) for one in records]
        held = self.holds(here.root, [one for one in drawings if one[0] in same | renamed])
        fates = _Fates([], [], [])
        for drawing, record in zip(drawings, records, strict=True):
            here.see(*drawing)
            if drawing not in held:
                fates.new.append(record)
            elif drawing[0] in renamed:
                fates.renamed.append((drawing[0], record))
            else:
                fates.there.append((drawing[0], record))
        return fates

    def _lost(self, digests: set[bytes]) -> dict[bytes, list[StoredFile]]:
        """The stored files of these contents that lie nowhere any more."""
        found: dict[bytes, list[StoredFile]] = {}
        for file in self.alike(sorted(digests)) if digests else ():
            if file.size >= 0 and is_gone(Path(file.root, file.path)):
                found.setdefault(file.digest, []).append(file)
        return found


@dataclass(frozen=True)
class _Fates:
    """Records to be encoded; those that are stored, with their paths, at another one before."""

    new: list[Record]
    there: list[tuple[str, Record]]
    renamed: list[tuple[str, Record]]


class _Here:
    """The files of a source as this machine sees them, and what of it was listed."""

    def __init__(self, root: str) -> None:
        # Generated drawings have no folder: their names are whole.
        self.root = str(Path(root).absolute()) if root and Path(root).exists() else ""
        self._seen: set[str | tuple[str, str]] = set()

    def relative(self, path: str) -> str:
        """The path below the root."""
        return os.path.relpath(Path(path).absolute(), self.root) if self.root else path

    def look(self, path: str) -> tuple[int, int] | None:
        """Size in bytes and mtime in ns; None for a file that cannot be looked at."""
        if plugins.is_generated(path):
            return 0, 0
        try:
            status = Path(path).stat()
        except OSError:
            return None
        return status.st_size, representable(status.st_mtime_ns)

    def digest(self, path: str) -> bytes | None:
        """The digest of a file's content; None where it cannot be read, or is generated."""
        if plugins.is_generated(path):
            return None
        try:
            return content_digest(Path(path))
        except OSError:
            return None

    def see(self, path: str, part: str) -> None:
        """Remember a drawing that was listed."""
        # Most files are one drawing: their path alone is remembered.
        self._seen.add(path)
        if part:
            self._seen.add((path, part))

    def gone(self, stored: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
        """Those of the ``stored`` drawings that have vanished: with their file, or out of it."""
        known: dict[str, bool] = {}
        gone = []
        for path, part in stored:
            if path in self._seen:
                if part and (path, part) not in self._seen and not self._is_figure(path, part):
                    gone.append((path, part))
                continue
            if path not in known:
                known[path] = bool(self.root) and is_gone(Path(self.root, path))
            if known[path]:
                gone.append((path, part))
        return gone

    def _is_figure(self, path: str, part: str) -> bool:
        """Whether a part of a file is a figure of a sheet that was listed."""
        image = image_of("", part)
        sheet = part_of(msgspec.structs.replace(image, box=None))
        return image.box is not None and ((path, sheet) if sheet else path) in self._seen

    def refusal(self, count: int) -> InputError:
        """The error where everything would go and nothing of the source could be used."""
        return InputError(
            f"nothing in {self.root or 'the source'} can be used, so --prune would remove all "
            f"{count} drawings that came from it: if it is not mounted, mount it; if they shall "
            "go, add --allow-empty"
        )
