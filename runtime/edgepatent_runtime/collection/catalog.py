"""What is known of every stored drawing: one SQLite file, and with the rows the truth."""

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from edgepatent_runtime.collection import tally, words
from edgepatent_runtime.collection.connection import NAME, Connection
from edgepatent_runtime.collection.entries import (
    DIGEST,
    Derived,
    DrawingEntry,
    File,
    Place,
    State,
    Stored,
    Words,
    image_of,
)
from edgepatent_runtime.collection.filters import where
from edgepatent_runtime.collection.vectors import Floats, Rows
from edgepatent_runtime.errors import CollectionError
from edgepatent_runtime.filters import Filters
from edgepatent_runtime.record import NO_BIBLIOGRAPHY, Bibliography, Record

# What patents can be counted by beside terms: columns.
_YEAR = "CASE WHEN date GLOB '[0-9][0-9][0-9][0-9]-*' THEN substr(date, 1, 4) END"
_TALLIED = {"klass": "klass", "subclass": "subclass", "year": _YEAR}


class Catalog(Connection):
    """The catalog, asked: one state of it, between `begin_reading` and `end`."""

    def __init__(self, folder: Path, *, write: bool = False, name: str = NAME) -> None:
        super().__init__(folder, write=write, name=name)
        self._folders: dict[int, str] = {}

    # -- state

    def state(self) -> State:
        """Which rows exist. Raises `CollectionError` where the catalog was never finished."""
        row = self.sql.execute(
            "SELECT space, dimensions, bundle, vectors, rows, generation FROM state"
        ).fetchone()
        if row is None:
            raise CollectionError(f"{self.path} is empty: make the index again")
        return self.checked(row, State, "state")

    def rotation(self) -> Floats:
        """The rotation [D, D] that rows are stored under."""
        dimensions, blob = self.sql.execute("SELECT dimensions, rotation FROM state").fetchone()
        rotation = self._floats(blob, int(dimensions) ** 2, "rotation")
        return rotation.reshape(dimensions, dimensions)

    def _floats(self, blob: object, count: int, where: str) -> Floats:
        """``count`` finite numbers (float32)."""
        if not isinstance(blob, bytes) or len(blob) != 4 * count:
            raise self.damaged(f"{where}: not {count} numbers")
        numbers = np.frombuffer(blob, "<f4")
        if not np.isfinite(numbers).all():
            raise self.damaged(f"{where}: not all of it are numbers")
        return numbers

    def dead(self) -> Rows:
        """The rows that are no drawing any more, ascending."""
        return self._rows("SELECT row FROM dead ORDER BY row")

    def live(self) -> Rows:
        """The rows that are drawings, ascending."""
        return self._rows("SELECT row FROM drawings ORDER BY row")

    def live_of(self, wanted: Callable[[str], bool]) -> Rows:
        """The rows that are drawings of patents whose id is ``wanted``, ascending."""
        kept = {
            key
            for key, number in self.checked(
                self.sql.execute("SELECT id, patent_id FROM patents").fetchall(),
                list[tuple[int, Words]],
                "patents",
            )
            if wanted(number)
        }
        listed = self.sql.execute("SELECT row, patent FROM drawings ORDER BY row")
        rows = np.fromiter((row for row, patent in listed if patent in kept), np.int64)
        return self.existing(rows)

    def thumbnails(self) -> list[tuple[int, tuple[int, int]]]:
        """The row and place of every thumbnail, in the order they lie in their file."""
        found = self.sql.execute(
            "SELECT row, thumbnail, thumbnail_size FROM drawings WHERE thumbnail IS NOT NULL "
            "ORDER BY thumbnail"
        ).fetchall()
        return [
            (place.row, (place.offset, place.size))
            for place in self.checked(found, list[Place], "thumbnails")
        ]

    def derived(self, kind: str) -> Derived | None:
        """What is known of the signs or the graph; None where there is none."""
        row = self.sql.execute(
            "SELECT file, vectors, rows, digest, mean, basis FROM derived WHERE kind = ?", (kind,)
        ).fetchone()
        if row is None:
            return None
        derived = self.checked(row, Derived, kind)
        if not derived.file.startswith(f"{kind}-"):
            raise self.damaged(f"{kind}: {derived.file} is another part")
        return derived

    def mean(self, derived: Derived, dimensions: int) -> Floats:
        """What signs are taken around [D]."""
        return self._floats(derived.mean, dimensions, "mean of the signs")

    def roots(self) -> dict[str, str]:
        """The folder of each named root."""
        found = self.sql.execute("SELECT name, id FROM roots WHERE path != ''").fetchall()
        named = self.checked(found, list[tuple[Words, int]], "roots")
        return {name: self.folder_of(key) for name, key in named}

    def folder_of(self, root: int) -> str:
        """Where a root lies now; "" for drawings that are generated.

        The folder it was indexed from or, where that is not there (on another machine), the one
        that lies to the collection as it did then.
        """
        if root not in self._folders:
            found = self.sql.execute(
                "SELECT path, beside FROM roots WHERE id = ?", (root,)
            ).fetchone()
            path, beside = self.checked(found, tuple[Words, Words], f"root {root}")
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

    def patents(self) -> list[tuple[str, str | None]]:
        """Id and subclass of every patent, in the order in which they came."""
        found = self.sql.execute("SELECT patent_id, subclass FROM patents ORDER BY id").fetchall()
        return self.checked(found, list[tuple[Words, Words | None]], "patents")

    def tally(
        self, fields: Sequence[str], filters: Filters
    ) -> list[tuple[tuple[str | None, ...], int]]:
        """How many patents that pass ``filters`` have which values of ``fields``."""
        condition, parameters = where(filters)
        counted = tally.statement(fields, condition, _TALLIED)
        listed = self.sql.execute(counted, parameters).fetchall()
        counts = self.checked([count for count, *_ in listed], list[int], "patents")
        values = self.checked([one for _, *one in listed], list[tuple[str | None, ...]], "patents")
        return list(zip(values, counts, strict=True))

    # -- finding

    def _rows(self, statement: str, parameters: Sequence[Any] = ()) -> Rows:
        found = self.sql.execute(statement, parameters)
        try:
            rows = np.fromiter((row for (row,) in found), np.int64)
        except (TypeError, ValueError) as error:
            raise self.damaged(f"a row number is none: {error}") from error
        return self.existing(rows)

    def existing(self, rows: Rows) -> Rows:
        """``rows``, all of which exist. Raises `CollectionError` where one does not."""
        if len(rows) and not 0 <= int(rows.min()) <= int(rows.max()) < self.state().rows:
            raise self.damaged("it names rows that do not exist")
        return rows

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
        listed = self.sql.execute(
            "SELECT row, patent FROM drawings WHERE row IN (SELECT value FROM json_each(?))",
            (msgspec.json.encode(rows.tolist()).decode(),),
        ).fetchall()
        found = dict(self.checked(listed, list[tuple[int, int]], "drawings"))
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
        listed = self.checked(found.fetchall(), list[tuple[int, int]], "drawings")
        pairs = np.array(listed, np.int64).reshape(-1, 2)
        return pairs[:, 0], self.existing(np.ascontiguousarray(pairs[:, 1]))

    def rows_of(self, patents: Iterable[int]) -> dict[int, list[int]]:
        """All rows of each patent key, ascending."""
        grouped: dict[int, list[int]] = {}
        found = self.sql.execute(
            "SELECT row, patent FROM drawings WHERE patent IN (SELECT value FROM json_each(?)) "
            "ORDER BY row",
            (msgspec.json.encode(list(patents)).decode(),),
        ).fetchall()
        listed = self.checked(found, list[tuple[int, int]], "drawings")
        self.existing(np.array([row for row, _ in listed], np.int64))
        for row, patent in listed:
            grouped.setdefault(patent, []).append(row)
        return grouped

    def stored(self, rows: Iterable[int]) -> dict[int, Stored]:
        """What is known of the drawings at ``rows``, each of which must be one."""
        found = {}
        wanted = list(rows)
        columns = self.sql.execute(
            "SELECT row, patent_id, locarno, klass, subclass, title, date, figure, view, "
            "texts.text, json, file, size, mtime_ns, digest, root, path, part, thumbnail, "
            "thumbnail_size FROM drawings JOIN patents ON patents.id = drawings.patent "
            "JOIN files ON files.id = file LEFT JOIN texts ON texts.id = drawings.text "
            "LEFT JOIN bibliographies ON bibliographies.patent = drawings.patent "
            "WHERE row IN (SELECT value FROM json_each(?))",
            (msgspec.json.encode(wanted).decode(),),
        ).fetchall()
        for one in self.checked(columns, list[DrawingEntry], "drawings"):
            folder = self.folder_of(one.root)
            try:
                image = image_of(str(Path(folder, one.path)) if folder else one.path, one.part)
            except (ValueError, RecursionError) as error:
                raise self.damaged(f"part of the drawing in row {one.row}: {error}") from error
            record = Record(
                image, one.patent_id, one.locarno, one.klass, one.subclass, one.figure, one.view,
                one.title, one.date, one.text, self.bibliography(one.bibliography),
            )  # fmt: skip
            file = File(one.file, one.size, one.mtime_ns, one.digest)
            pointer = None
            if one.thumbnail is not None and one.thumbnail_size is not None:
                pointer = one.thumbnail, one.thumbnail_size
            found[one.row] = Stored(one.row, record, file, folder, one.path, pointer)
        if len(found) < len(set(wanted)):
            raise self.damaged("rows that are no drawings, or have no patent or file")
        return found

    def bibliography(self, json: str | None) -> Bibliography:
        """What is stored of a front page."""
        if json is None:
            return NO_BIBLIOGRAPHY
        try:
            return msgspec.json.decode(json, type=Bibliography)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise self.damaged(f"bibliographies: {error}") from error

    def unheld(self, text: str) -> dict[str, list[str]]:
        """Words that are not held, and what may be meant: see `words.unheld`."""
        return words.unheld(text, self.sql)

    def matching_text(self, text: str, limit: int) -> list[tuple[int, float]]:
        """Patent keys whose words match ``text`` best, with BM25 (smaller is better)."""
        return self.sql.execute(
            "SELECT rowid, bm25(words, 2.0, 1.0) AS rank FROM words WHERE words MATCH ? "
            "ORDER BY rank LIMIT ?",
            (words.match(text), limit),
        ).fetchall()
