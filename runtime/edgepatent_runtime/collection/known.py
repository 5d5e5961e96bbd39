"""What of a source is stored already: by path and time, by content, by part of a file."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from edgepatent_runtime.collection.entries import DIGEST, File, image_of, part_of
from edgepatent_runtime.collection.writer import Writer
from edgepatent_runtime.errors import InputError
from edgepatent_runtime.record import Record, Skipped
from edgepatent_runtime.sources import plugins
from edgepatent_runtime.sources.loading import Part


@dataclass(frozen=True)
class Job:
    """A drawing to be stored: its file and part, and the row that it replaces."""

    record: Record
    file: int
    part: str
    replaces: int | None


def figure_of(job: Job, part: Part) -> Job:
    """The job of one figure of the sheet that ``job`` stores: the same file, a part of the page."""
    sheet = job.record
    image = msgspec.structs.replace(sheet.image, box=part.box)
    record = msgspec.structs.replace(sheet, image=image, figure=part.number, view=None)
    return Job(record, job.file, part_of(image), None)


def content_digest(data: bytes | Path) -> bytes:
    """The first half (16 bytes) of the SHA-256 of a file's content: a renamed file is known by it.

    Raises `OSError` where the file cannot be read.
    """
    if isinstance(data, bytes):
        return hashlib.sha256(data).digest()[:DIGEST]
    with data.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()[:DIGEST]


def is_gone(path: Path) -> bool:
    """Whether no file is there. One that cannot be looked at (no permission) is not gone."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


@dataclass(frozen=True)
class _Found:
    """The stored file of a record, and older versions of it that lie under the same path."""

    file: File
    older: Sequence[File] = ()
    moved: bool = False


class Known:
    """What is stored already, and what of it was seen in this run."""

    def __init__(self, writer: Writer, root: str) -> None:
        self._writer = writer
        self._edits = writer.edits
        # Generated drawings have no folder: their names are whole.
        self._root_path = str(Path(root).absolute()) if root and Path(root).exists() else ""
        with self._edits.failures():
            self._root = self._edits.root(self._root_path)
        self._seen: set[int | tuple[int, str]] = set()
        self._failed: set[int] = set()
        self._looked_at = self._unusable = 0
        self._superseded: dict[int, list[int]] = {}
        self._rows = writer.vectors()
        # The drawings of one file mostly follow each other.
        self._last: tuple[str, _Found] | None = None

    def look_up(self, record: Record, skipped: Skipped) -> tuple[str | None, Job | None]:
        """What to do with ``record``: count it under a name of `Added`, or carry out a job."""
        with self._edits.failures():
            try:
                found = self._find(record.image.path)
            except OSError as error:
                skipped.add("unreadable file", f"{record.image} ({error.strerror})")
                return None, None
            key, part = found.file.key, part_of(record.image)
            if not self._see(key, part):
                skipped.add("listed twice", record.image)
                return None, None
            self._looked_at += 1
            row = self._edits.drawing_at(key, part)
            if row is not None:
                if self._edits.update_drawing(row, record):
                    self._update_figures(key, record)
                    return "updated", None
                return ("renamed" if found.moved else "unchanged"), None
            rows = (self._edits.drawing_at(old.key, part) for old in found.older)
            return None, Job(record, key, part, next((r for r in rows if r is not None), None))

    def look_up_named(
        self, record: Record, new: npt.NDArray[np.void], skipped: Skipped
    ) -> tuple[str | None, Job | None]:
        """The same for a record that comes with its row: its file may be anywhere."""
        with self._edits.failures():
            path = self._relative(record.image.path)
            part = part_of(record.image)
            known = self._edits.files_at(self._root, path)
            if known:
                file = known[0]
            else:
                digest = content_digest(f"embedding of {path}".encode())
                file = self._edits.add_file(self._root, path, -1, 0, digest)
            if not self._see(file.key, part):
                skipped.add("listed twice", record.image)
                return None, None
            row = self._edits.drawing_at(file.key, part) if known else None
            if row is not None and (self._stored(row)["codes"] == new["codes"]).all():
                return "updated" if self._edits.update_drawing(row, record) else "unchanged", None
            return None, Job(record, file.key, part, row)

    def failed(self, file: int) -> None:
        """A drawing of ``file`` could not be decoded."""
        self._failed.add(file)
        self._unusable += 1

    def tidy(self, prune: bool, allow_empty: bool) -> int:
        """Remove what changed files no longer hold and, with ``prune``, what has vanished.

        Raises `InputError` where everything would go and nothing of the source could be used,
        unless ``allow_empty``.
        """
        with self._edits.failures():
            gone: list[int] = []
            for file, older in self._superseded.items():
                if file not in self._failed:
                    gone += [row for old in older for row, _ in self._edits.drawings_in(old)]
            kept = len(gone)
            if prune:
                for key, path in self._edits.files_below(self._root):
                    if key in self._seen:
                        gone += [
                            row
                            for row, part in self._edits.drawings_in(key)
                            if part
                            and (key, part) not in self._seen
                            and not self._is_figure(key, part)
                        ]
                    elif self._root_path and is_gone(Path(self._root_path, path)):
                        gone += [row for row, _ in self._edits.drawings_in(key)]
            if len(gone) > kept and self._looked_at == self._unusable and not allow_empty:
                raise InputError(
                    f"nothing in {self._root_path or 'the source'} can be used, so --prune would "
                    f"remove all {len(gone) - kept} drawings that came from it: if it is not "
                    "mounted, mount it; if they shall go, add --allow-empty"
                )
            rows = np.unique(np.array(gone, np.int64))
            self._edits.remove_drawings(rows)
            self._edits.drop_unused([], sorted(self._failed))
            return len(rows)

    def _is_figure(self, file: int, part: str) -> bool:
        """Whether a part of a file is a figure of a sheet that was seen."""
        image = image_of("", part)
        sheet = part_of(msgspec.structs.replace(image, box=None))
        return image.box is not None and ((file, sheet) if sheet else file) in self._seen

    def _update_figures(self, file: int, sheet: Record) -> None:
        """Bring the figures of a sheet up to date with it."""
        for row, part in self._edits.drawings_in(file):
            image = image_of(sheet.image.path, part)
            if image.box is not None and msgspec.structs.replace(image, box=None) == sheet.image:
                figure = self._edits.stored([row])[row].record.figure
                record = msgspec.structs.replace(sheet, image=image, figure=figure, view=None)
                self._edits.update_drawing(row, record)

    def _stored(self, row: int) -> np.void:
        if row >= self._rows.count:
            self._rows = self._writer.vectors()
        stored: np.void = self._rows.rows[row]
        return stored

    def _see(self, file: int, part: str) -> bool:
        """Remember a drawing; False where it was seen before."""
        # Most files are one drawing: their key alone is remembered.
        this = (file, part) if part else file
        if this in self._seen:
            return False
        self._seen.add(this)
        self._seen.add(file)
        return True

    def _relative(self, path: str) -> str:
        return os.path.relpath(Path(path).absolute(), self._root_path) if self._root_path else path

    def _find(self, path: str) -> _Found:
        if self._last is None or self._last[0] != path:
            found = self._look(path)
            if found.older:
                self._superseded[found.file.key] = [old.key for old in found.older]
            self._last = (path, found)
        return self._last[1]

    def _look(self, path: str) -> _Found:
        """The stored file of ``path``; stored now if it is new, moved if its content is known
        from a path that has vanished. Raises `OSError` where it cannot be read.
        """
        edits, root = self._edits, self._root
        relative = self._relative(path)
        generated = plugins.is_generated(path)
        if generated:
            size, mtime = 0, 0
        else:
            status = Path(path).stat()
            size, mtime = status.st_size, representable(status.st_mtime_ns)
        known = edits.files_at(root, relative)
        if known and (known[0].size, known[0].mtime_ns) == (size, mtime):
            return _Found(known[0], known[1:])
        if generated:
            return _Found(edits.add_file(root, relative, 0, 0, content_digest(path.encode())))
        digest = content_digest(Path(path))
        if known and known[0].digest == digest:
            edits.move_file(known[0].key, root, relative, size, mtime)
            return _Found(known[0], known[1:])
        for file, folder, name in edits.files_like(digest):
            if is_gone(Path(folder, name)):
                edits.move_file(file.key, root, relative, size, mtime)
                return _Found(file, known, moved=True)
        return _Found(edits.add_file(root, relative, size, mtime, digest), known)


def representable(nanoseconds: int) -> int:
    """A time as SQLite holds it: a file of the year 2300 lies beyond its integers."""
    return max(-(1 << 63), min(nanoseconds, (1 << 63) - 1))
