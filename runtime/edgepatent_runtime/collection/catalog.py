"""What is known of every stored drawing: one SQLite file, and with the rows the truth."""

import os
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from edgepatent_runtime.collection.filters import Filters, match_words, where
from edgepatent_runtime.collection.schema import MIGRATIONS
from edgepatent_runtime.collection.vectors import Floats, Rows
from edgepatent_runtime.errors import CollectionError
from edgepatent_runtime.record import ImageRef, Record

NAME = "catalog.sqlite"

DIGEST = 16
"""So many bytes of the SHA-256 of a file's content are kept."""


@dataclass(frozen=True)
class State:
    """Which rows exist: ``rows`` of the file ``vectors``, as of ``generation``.

    They are embeddings by the model in the folder ``bundle``.
    """

    space: str
    dimensions: int
    bundle: str
    vectors: str
    rows: int
    generation: int


@dataclass(frozen=True)
class Derived:
    """A file computed from the first ``rows`` rows of the file ``vectors``.

    ``digest`` is the graph's SHA-256, and ``basis`` of how many leading dimensions it is; ``mean``
    (float32 [D]) is what signs are taken around, fitted to the first ``basis`` rows.
    """

    file: str
    vectors: str
    rows: int
    digest: str | None = None
    mean: bytes | None = None
    basis: int | None = None


@dataclass(frozen=True)
class File:
    """A stored file: its key, size in bytes, mtime in ns and content digest."""

    key: int
    size: int
    mtime_ns: int
    digest: bytes


@dataclass(frozen=True)
class Stored:
    """A stored drawing: its row and record, its file and ``path`` below ``root``.

    ``thumbnail`` is where its picture lies (see `thumbnails`).
    """

    row: int
    record: Record
    file: File
    root: str
    path: str
    thumbnail: tuple[int, int] | None


def part_of(image: ImageRef) -> str:
    """What tells a drawing from others of the same file; "" for a file that is one drawing."""
    if not image.member and not image.page and image.box is None:
        return ""
    return msgspec.json.encode((image.member, image.page, image.box)).decode()


def _image(path: str, part: str) -> ImageRef:
    if not part:
        return ImageRef(path)
    member, page, box = msgspec.json.decode(
        part, type=tuple[tuple[str, ...], int, tuple[int, int, int, int] | None]
    )
    return ImageRef(path, member, page, box)


def exists(folder: Path) -> bool:
    """Whether ``folder`` holds a catalog that was finished, or one that is damaged.

    One whose making was interrupted before its first commit is none.
    """
    path = folder / NAME
    if not path.is_file():
        return False
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as sql:
            return bool(sql.execute("PRAGMA user_version").fetchone()[0])
    except sqlite3.Error:
        return True


class Catalog:
    """One connection to the catalog, for one thread at a time.

    Raises `CollectionError` where there is none, where it is damaged, or of a newer format.
    """

    def __init__(self, folder: Path, *, write: bool = False) -> None:
        self.path = folder / NAME
        self._folders: dict[int, str] = {}
        try:
            self.sql = self._connect(write)
            version = self.version()
        except sqlite3.Error as error:
            raise self.failure(error) from error
        if version > len(MIGRATIONS):
            raise CollectionError(
                f"{folder} has collection format {version}, this version reads up to "
                f"{len(MIGRATIONS)}: upgrade edgepatent"
            )
        if version < len(MIGRATIONS) and not write:
            raise CollectionError(
                f"{folder} has an older collection format: run edgepatent index add or verify "
                "--repair once to bring it up to date"
            )

    def _connect(self, write: bool) -> sqlite3.Connection:
        uri = self.path.absolute().as_uri()
        if write:
            sql = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
            sql.execute("PRAGMA journal_mode = WAL")
            sql.execute("PRAGMA synchronous = FULL")
            return sql
        sql = sqlite3.connect(
            f"{uri}?mode=ro", uri=True, isolation_level=None, check_same_thread=False, timeout=30
        )
        try:
            sql.execute("SELECT 1 FROM sqlite_schema").fetchone()
        except sqlite3.OperationalError:
            # A folder that cannot be written holds no shared memory file for the WAL. Where there
            # is no WAL either, nothing is missing from the main file.
            log = self.path.with_name(NAME + "-wal")
            if not self.path.is_file() or (log.exists() and log.stat().st_size):
                raise
            sql.close()
            sql = sqlite3.connect(
                f"{uri}?immutable=1", uri=True, isolation_level=None, check_same_thread=False
            )
        return sql

    def version(self) -> int:
        """The format; 0 where the catalog was never finished."""
        version = self.sql.execute("PRAGMA user_version").fetchone()[0]
        return int(version)

    def failure(self, error: sqlite3.Error) -> CollectionError:
        """What ``error`` means to the person who asked."""
        if not self.path.is_file():
            return CollectionError(
                f"there is no collection in {self.path.parent}: make one with "
                "edgepatent index add SOURCE"
            )
        return CollectionError(f"{self.path} cannot be used ({error})")

    def migrate(self) -> None:
        """Bring the format up to date, one named step after the other, all or nothing."""
        version = self.version()
        if version < len(MIGRATIONS):
            for step in MIGRATIONS[version:]:
                step(self.sql)
            self.sql.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")

    def close(self) -> None:
        """Close the connection; an open transaction is rolled back."""
        self.sql.close()

    def end(self) -> None:
        """End the open transaction, if there is one, and forget what it changed."""
        if self.sql.in_transaction:
            self.sql.execute("ROLLBACK")

    # -- state

    def state(self) -> State:
        """Which rows exist. Raises `CollectionError` where the catalog was never finished."""
        row = self.sql.execute(
            "SELECT space, dimensions, bundle, vectors, rows, generation FROM state"
        ).fetchone()
        if row is None:
            raise CollectionError(f"{self.path} is empty: make the collection again")
        return State(*row)

    def rotation(self) -> Floats:
        """The rotation [D, D] that rows are stored under."""
        dimensions, blob = self.sql.execute("SELECT dimensions, rotation FROM state").fetchone()
        return np.frombuffer(blob, "<f4").reshape(dimensions, dimensions)

    def dead(self) -> Rows:
        """The rows that are no drawing any more, ascending."""
        return self._rows("SELECT row FROM dead ORDER BY row")

    def live(self) -> Rows:
        """The rows that are drawings, ascending."""
        return self._rows("SELECT row FROM drawings ORDER BY row")

    def thumbnails(self) -> list[tuple[int, tuple[int, int]]]:
        """The row and place of every thumbnail, in the order they lie in their file."""
        found = self.sql.execute(
            "SELECT row, thumbnail, thumbnail_size FROM drawings WHERE thumbnail IS NOT NULL "
            "ORDER BY thumbnail"
        )
        return [(row, (offset, size)) for row, offset, size in found]

    def derived(self, kind: str) -> Derived | None:
        """What is known of the signs or the graph; None where there is none."""
        row = self.sql.execute(
            "SELECT file, vectors, rows, digest, mean, basis FROM derived WHERE kind = ?", (kind,)
        ).fetchone()
        return Derived(*row) if row else None

    def roots(self) -> dict[str, str]:
        """The folder of each named root."""
        found = self.sql.execute("SELECT name, id FROM roots WHERE path != ''").fetchall()
        return {name: self.folder_of(key) for name, key in found}

    def folder_of(self, root: int) -> str:
        """Where a root lies now; "" for drawings that are generated.

        The folder it was indexed from or, where that is not there (on another machine), the one
        that lies to the collection as it did then.
        """
        if root not in self._folders:
            path, beside = self.sql.execute(
                "SELECT path, beside FROM roots WHERE id = ?", (root,)
            ).fetchone()
            if path and beside and not Path(path).is_dir():
                moved = Path(os.path.normpath(self.path.parent.absolute() / beside))
                path = str(moved) if moved.is_dir() else path
            self._folders[root] = path
        return self._folders[root]

    def counts(self) -> tuple[int, int]:
        """How many drawings and how many patents are stored."""
        drawings, patents = self.sql.execute(
            "SELECT (SELECT count(*) FROM drawings), (SELECT count(*) FROM patents)"
        ).fetchone()
        return drawings, patents

    # -- finding

    def _rows(self, statement: str, parameters: Sequence[Any] = ()) -> Rows:
        found = self.sql.execute(statement, parameters)
        return np.fromiter((row for (row,) in found), np.int64)

    def matching(self, filters: Filters) -> Rows:
        """The rows whose drawings pass ``filters``, ascending."""
        condition, parameters = where(filters)
        rows = self._rows(
            f"SELECT row FROM drawings WHERE patent IN (SELECT id FROM patents WHERE {condition})",
            parameters,
        )
        rows.sort()
        return rows

    def of_digest(self, digests: Iterable[bytes]) -> Rows:
        """The rows of drawings from files with these contents (SHA-256)."""
        marks = [digest[:DIGEST] for digest in digests]
        return self._rows(
            "SELECT row FROM drawings WHERE file IN "
            f"(SELECT id FROM files WHERE digest IN ({','.join('?' * len(marks))}))",
            marks,
        )

    def patents_of(self, rows: Rows) -> Rows:
        """The patent key of each of ``rows`` [N]; -1 where a row is no drawing."""
        found = dict(
            self.sql.execute(
                "SELECT row, patent FROM drawings WHERE row IN (SELECT value FROM json_each(?))",
                (msgspec.json.encode(rows.tolist()).decode(),),
            ).fetchall()
        )
        return np.array([found.get(row, -1) for row in rows.tolist()], np.int64)

    def siblings(self, rows: Rows) -> tuple[Rows, Rows]:
        """All drawings of the patents that have one at ``rows``: patent keys [N] and rows [N].

        Sorted by patent, then by row.
        """
        found = self.sql.execute(
            "SELECT patent, row FROM drawings WHERE patent IN (SELECT patent FROM drawings "
            "WHERE row IN (SELECT value FROM json_each(?))) ORDER BY patent, row",
            (msgspec.json.encode(rows.tolist()).decode(),),
        )
        pairs = np.array(found.fetchall(), np.int64).reshape(-1, 2)
        return pairs[:, 0], np.ascontiguousarray(pairs[:, 1])

    def rows_of(self, patents: Iterable[int]) -> dict[int, list[int]]:
        """All rows of each patent key, ascending."""
        grouped: dict[int, list[int]] = {}
        for row, patent in self.sql.execute(
            "SELECT row, patent FROM drawings WHERE patent IN (SELECT value FROM json_each(?)) "
            "ORDER BY row",
            (msgspec.json.encode(list(patents)).decode(),),
        ):
            grouped.setdefault(patent, []).append(row)
        return grouped

    def stored(self, rows: Iterable[int]) -> dict[int, Stored]:
        """What is known of the drawings at ``rows``."""
        found = {}
        for (
            row, number, locarno, klass, subclass, title, date, figure, view, text, key, size,
            mtime_ns, digest, root, path, part, thumbnail, thumbnail_size,
        ) in self.sql.execute(
            "SELECT row, patent_id, locarno, klass, subclass, title, date, figure, view, "
            "texts.text, file, size, mtime_ns, digest, root, path, part, thumbnail, thumbnail_size "
            "FROM drawings JOIN patents ON patents.id = drawings.patent "
            "JOIN files ON files.id = file LEFT JOIN texts ON texts.id = drawings.text "
            "WHERE row IN (SELECT value FROM json_each(?))",
            (msgspec.json.encode(list(rows)).decode(),),
        ):  # fmt: skip
            folder = self.folder_of(root)
            image = _image(str(Path(folder, path)) if folder else path, part)
            record = Record(
                image, number, locarno, klass, subclass, figure, view, title, date, text
            )
            file = File(key, size, mtime_ns, digest)
            pointer = None if thumbnail is None else (thumbnail, thumbnail_size)
            found[row] = Stored(row, record, file, folder, path, pointer)
        return found

    def matching_text(self, text: str, limit: int) -> list[tuple[int, float]]:
        """Patent keys whose words match ``text`` best, with BM25 (smaller is better)."""
        return self.sql.execute(
            "SELECT rowid, bm25(words, 2.0, 1.0) AS rank FROM words WHERE words MATCH ? "
            "ORDER BY rank LIMIT ?",
            (match_words(text), limit),
        ).fetchall()
