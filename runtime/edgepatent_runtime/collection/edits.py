"""Changes to the catalog, inside one transaction that its owner begins and commits."""

import os
import sqlite3
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from edgepatent_runtime import faults
from edgepatent_runtime.collection import seal
from edgepatent_runtime.collection.catalog import Catalog
from edgepatent_runtime.collection.connection import NAME, read_only
from edgepatent_runtime.collection.entries import Derived, File, State, Words, image_of, part_of
from edgepatent_runtime.collection.patents import PatentEdits
from edgepatent_runtime.collection.vectors import Floats, Rows
from edgepatent_runtime.errors import CollectionError
from edgepatent_runtime.record import Record


@dataclass(frozen=True)
class Model:
    """What rows are embeddings of: the space and folder of a bundle, D, the rotation [D, D]."""

    space: str
    bundle: str
    dimensions: int
    rotation: Floats


# A log of so many pages is moved into the file.
_PAGES = 1000


def _watcher(path: Path) -> sqlite3.Connection:
    """A connection to a catalog that only reads. Raises `CollectionError`."""
    try:
        watcher = read_only(path, alone=False)
        watcher.execute("SELECT 1 FROM sqlite_schema").fetchone()
    except sqlite3.Error as error:
        raise CollectionError(f"{path} cannot be used ({error})") from error
    return watcher


def _leave(*connections: sqlite3.Connection | None) -> None:
    for connection in connections:
        if connection is not None:
            connection.close()


class Edits(PatentEdits):
    """The writer's connection to the catalog."""

    def __init__(self, folder: Path, *, name: str = NAME) -> None:
        self._alone = seal.released(folder / name)
        # While somebody reads the file as it is, the last to let go of it has to be one that cannot
        # write: the last that can moves the log into the file, even where nobody closes it.
        self._last = None if self._alone else _watcher(folder / name)
        super().__init__(folder, name=name)
        self._left = weakref.finalize(self, _leave, self.sql, self._last)
        # 64 MB: content digests go into their index in random order, and it should stay in memory.
        self.sql.execute("PRAGMA cache_size = -65536")
        self.sql.execute(f"PRAGMA wal_autocheckpoint = {_PAGES if self._alone else 0}")

    @contextmanager
    def failures(self) -> Iterator[None]:
        """Turn SQLite's errors into a `CollectionError` that says what is wrong."""
        try:
            yield
        except sqlite3.Error as error:
            raise self.failure(error) from error

    def commit(self) -> None:
        """Make everything since `begin` exist, on the disk, with the next generation."""
        self.index_words()
        self.sql.execute("UPDATE state SET generation = generation + 1")
        self.sql.execute(
            "INSERT INTO history SELECT generation, strftime('%Y-%m-%dT%H:%M:%SZ', 'now'), rows "
            "FROM state WHERE rows IS NOT "
            "(SELECT rows FROM history ORDER BY generation DESC LIMIT 1)"
        )
        faults.point("catalog.changed")
        self.sql.execute("COMMIT")
        faults.point("catalog.committed")

    def rollback(self) -> None:
        """Forget everything since `begin`."""
        self.forget_words()
        self.end()

    def alone(self) -> bool:
        """Whether the catalog's own file may be changed: nobody reads it without its log.

        From then on SQLite moves the log into it whenever that has grown.
        """
        if not self._alone and seal.released(self.path):
            self._alone = True
            if self._last is not None:
                self._last.close()
            self.sql.execute(f"PRAGMA wal_autocheckpoint = {_PAGES}")
        return self._alone

    def checkpoint(self) -> bool:
        """Move the log into the main file; whether the file alone is the catalog now.

        It is not where somebody reads an older state for so long that we do not wait.
        """
        busy, _, _ = self.sql.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        faults.point("catalog.checkpointed")
        return not busy

    def close(self) -> None:
        """Close; the last connection moves the log into the file, but only where that may be."""
        self._left()
        super().close()

    # -- state

    def initialise(self, state: State, rotation: Floats) -> None:
        """Store the first state of a new collection."""
        self.sql.execute(
            "INSERT INTO state VALUES (1, ?, ?, ?, ?, ?, ?, ?)",
            (
                state.space,
                state.dimensions,
                state.bundle,
                rotation.astype("<f4").tobytes(),
                state.vectors,
                state.rows,
                state.generation,
            ),
        )

    def set_model(self, model: Model) -> None:
        """Say which model the rows are embeddings of, and how they are rotated."""
        self.sql.execute(
            "UPDATE state SET space = ?, bundle = ?, dimensions = ?, rotation = ?",
            (model.space, model.bundle, model.dimensions, model.rotation.astype("<f4").tobytes()),
        )

    def set_rows(self, vectors: str, rows: int) -> None:
        """Say which file holds the rows, and how many exist."""
        self.sql.execute("UPDATE state SET vectors = ?, rows = ?", (vectors, rows))

    def set_derived(self, kind: str, derived: Derived | None) -> None:
        """Say which file holds the signs or the graph; None: there is none."""
        self.sql.execute("DELETE FROM derived WHERE kind = ?", (kind,))
        if derived is not None:
            self.sql.execute(
                "INSERT INTO derived VALUES (?, ?, ?, ?, ?, ?, ?)",
                (kind, derived.file, derived.vectors, derived.rows, derived.digest, derived.mean,
                 derived.basis),
            )  # fmt: skip

    # -- roots and files

    def root(self, path: str) -> int:
        """The key of the root folder ``path``, named after its last part where it is new."""
        for key, stored in self.sql.execute("SELECT id, path FROM roots").fetchall():
            if path in (stored, self.folder_of(key)):
                if path != stored:
                    self._folders.pop(key)
                    self.begin()
                    self.sql.execute(
                        "UPDATE roots SET path = ?, beside = ? WHERE id = ?",
                        (path, self._beside(path), key),
                    )
                return int(key)
        self.begin()
        base = name = Path(path).name or "root"
        taken = {name for (name,) in self.sql.execute("SELECT name FROM roots")}
        number = 2
        while name in taken:
            name = f"{base}-{number}"
            number += 1
        added = self.sql.execute(
            "INSERT INTO roots (name, path, beside) VALUES (?, ?, ?)",
            (name, path, self._beside(path)),
        )
        return int(added.lastrowid or 0)

    def adopt_roots(self, other: Catalog) -> dict[str, int]:
        """Take over the named roots of another catalog, as they are; by their folders there.

        One whose name is known already is that one, wherever it lies.
        """
        self.begin()
        adopted = {}
        for key, *root in other.sql.execute("SELECT id, name, path, beside FROM roots").fetchall():
            name, *_ = other.checked(root, tuple[Words, Words, Words], f"root {key}")
            known = self.sql.execute("SELECT id FROM roots WHERE name = ?", (name,)).fetchone()
            if known is None:
                added = self.sql.execute(
                    "INSERT INTO roots (name, path, beside) VALUES (?, ?, ?)", root
                )
                known = (added.lastrowid,)
            adopted[other.folder_of(key)] = int(known[0])
        return adopted

    def _beside(self, path: str) -> str:
        return os.path.relpath(path, self.path.parent.absolute()) if path else ""

    def files_at(self, root: int, path: str) -> list[File]:
        """The stored versions of the file ``path`` below ``root``, newest first."""
        found = self.sql.execute(
            "SELECT id, size, mtime_ns, digest FROM files WHERE path = ? AND root = ? "
            "ORDER BY id DESC",
            (path, root),
        )
        return self.checked(found.fetchall(), list[File], "files")

    def files_like(self, digest: bytes) -> list[tuple[File, str, str]]:
        """The stored files of this content, each with its root and path."""
        found = self.sql.execute(
            "SELECT id, size, mtime_ns, digest, root, path FROM files WHERE digest = ?", (digest,)
        ).fetchall()
        return [
            (
                self.checked(row[:4], File, "files"),
                self.folder_of(row[4]),
                self.checked(row[5], Words, "files"),
            )
            for row in found
        ]

    def add_file(self, root: int, path: str, size: int, mtime_ns: int, digest: bytes) -> File:
        """Store a file."""
        self.begin()
        key = self.sql.execute(
            "INSERT INTO files (root, path, size, mtime_ns, digest) VALUES (?, ?, ?, ?, ?)",
            (root, path, size, mtime_ns, digest),
        ).lastrowid
        return File(int(key or 0), size, mtime_ns, digest)

    def move_file(self, key: int, root: int, path: str, size: int, mtime_ns: int) -> None:
        """Store that a file of unchanged content lies elsewhere, or was touched."""
        self.begin()
        self.sql.execute(
            "UPDATE files SET root = ?, path = ?, size = ?, mtime_ns = ? WHERE id = ?",
            (root, path, size, mtime_ns, key),
        )

    # -- drawings

    def drawing_at(self, file: int, part: str) -> int | None:
        """The row of one drawing of a file."""
        found = self.sql.execute(
            "SELECT row FROM drawings WHERE file = ? AND part = ?", (file, part)
        ).fetchone()
        return int(found[0]) if found else None

    def add_drawing(
        self, row: int, file: int, part: str, record: Record, thumbnail: tuple[int, int] | None
    ) -> None:
        """Store one drawing at ``row``."""
        self.begin()
        patent = self.keep_patent(record)
        self.sql.execute(
            "INSERT INTO drawings VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (row, patent, file, part, record.figure, record.view,
             self.keep_text(patent, record.text), *(thumbnail or (None, None))),
        )  # fmt: skip

    def update_drawing(self, row: int, record: Record) -> bool:
        """Bring what is known of a drawing up to date; whether anything changed."""
        old = self.stored([row])[row].record
        kept = {
            name: getattr(old, name)
            for name in ("locarno", "klass", "subclass", "title", "date")
            if getattr(record, name) is None
        }
        kept["bibliography"] = record.bibliography.completed(old.bibliography)
        known = msgspec.structs.replace(record, image=old.image, **kept)
        if known == old:
            return False
        self.begin()
        before = self.sql.execute("SELECT patent FROM drawings WHERE row = ?", (row,)).fetchone()[0]
        self.reword(before)
        patent = self.keep_patent(record)
        self.sql.execute(
            "UPDATE drawings SET patent = ?, figure = ?, view = ?, text = ? WHERE row = ?",
            (patent, record.figure, record.view, self.keep_text(patent, record.text), row),
        )
        if patent != before:
            self.drop_unused([before], [])
        return True

    def remove_drawings(self, rows: Rows) -> None:
        """Forget the drawings at ``rows``, and files and patents that have none left."""
        if not len(rows):
            return
        self.begin()
        patents: set[int] = set()
        files: set[int] = set()
        for row in rows.tolist():
            found = self.sql.execute(
                "SELECT patent, file FROM drawings WHERE row = ?", (row,)
            ).fetchone()
            if found is None:
                continue
            self.reword(found[0])
            patents.add(found[0])
            files.add(found[1])
            self.sql.execute("DELETE FROM drawings WHERE row = ?", (row,))
            self.sql.execute("INSERT INTO dead VALUES (?)", (row,))
        self.drop_unused(sorted(patents), sorted(files))

    def renumber(self, old: Rows) -> None:
        """Give the drawing at row ``old[i]`` the row i, for ascending ``old``; none stays dead."""
        self.begin()
        # Ascending, so that the number taken is always free: it was dead, or has moved already.
        self.sql.executemany(
            "UPDATE drawings SET row = ? WHERE row = ?",
            ((new, row) for new, row in enumerate(old.tolist()) if new != row),
        )
        self.sql.execute("DELETE FROM dead")
        then = self.sql.execute("SELECT generation, rows FROM history").fetchall()
        self.sql.executemany(
            "UPDATE history SET rows = ? WHERE generation = ?",
            ((int(np.searchsorted(old, rows)), generation) for generation, rows in then),
        )

    def set_thumbnails(self, pointers: Sequence[tuple[int | None, int | None, int]]) -> None:
        """Store (offset, size, row) of thumbnails."""
        self.begin()
        self.sql.executemany(
            "UPDATE drawings SET thumbnail = ?, thumbnail_size = ? WHERE row = ?", pointers
        )

    def files_below(self, root: int) -> list[tuple[int, str]]:
        """The key and path of every file below a root."""
        found = self.sql.execute("SELECT id, path FROM files WHERE root = ?", (root,))
        return self.checked(found.fetchall(), list[tuple[int, Words]], "files")

    def drawings_in(self, file: int) -> list[tuple[int, str]]:
        """The row and part of every drawing of a file."""
        found = self.sql.execute("SELECT row, part FROM drawings WHERE file = ?", (file,))
        return self.checked(found.fetchall(), list[tuple[int, Words]], "drawings")

    def sheets(self) -> Rows:
        """The rows of whole pages that have no figures beside them, ascending."""
        listed = self.sql.execute("SELECT row, file, part FROM drawings ORDER BY row").fetchall()
        whole: dict[tuple[int, str], int] = {}
        apart: set[tuple[int, str]] = set()
        for row, file, part in self.checked(listed, list[tuple[int, int, Words]], "drawings"):
            try:
                image = image_of("", part)
            except (ValueError, RecursionError) as error:
                raise self.damaged(f"part of the drawing in row {row}: {error}") from error
            if image.box is None:
                whole[file, part] = row
            else:
                apart.add((file, part_of(msgspec.structs.replace(image, box=None))))
        rows = (row for sheet, row in whole.items() if sheet not in apart)
        return self.existing(np.fromiter(rows, np.int64))
