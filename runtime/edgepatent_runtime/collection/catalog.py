"""What is known of every stored drawing: one SQLite file, and with the rows the truth."""

import os
import re
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
import numpy as np

from edgepatent_runtime import names
from edgepatent_runtime.bundle import MOST_DIMENSIONS
from edgepatent_runtime.collection import schema, seal, tally, words
from edgepatent_runtime.collection.filters import where
from edgepatent_runtime.collection.schema import MIGRATIONS
from edgepatent_runtime.collection.vectors import Floats, Rows
from edgepatent_runtime.errors import CollectionError
from edgepatent_runtime.filters import Filters
from edgepatent_runtime.record import NO_BIBLIOGRAPHY, Bibliography, ImageRef, Record

NAME = "catalog.sqlite"

DIGEST = 16
"""So many bytes of the SHA-256 of a file's content are kept."""


_JOURNAL = bytes.fromhex("d9d505f920a163d7")

MOST_ROWS = 1 << 32
_MOST_PICTURE = 1 << 20

# What the catalog says is anybody's: a collection may have come by mail. Names of files are those
# that a writer gives, so that none leads out of the folder or to another part of it.
Count = Annotated[int, msgspec.Meta(ge=0, le=MOST_ROWS)]
VectorsName = Annotated[str, msgspec.Meta(pattern=r"\Avectors-[0-9]{6,9}\.rows\Z")]
BundleName = Annotated[str, msgspec.Meta(pattern=r"\Abundle-[0-9]{6,9}\Z")]
DerivedName = Annotated[str, msgspec.Meta(pattern=r"\A(signs|graph)-[0-9-]{1,64}\Z")]
Digest = Annotated[bytes, msgspec.Meta(min_length=DIGEST, max_length=DIGEST)]
Words = Annotated[str, msgspec.Meta(pattern=r"\A[^\0]*\Z")]

# What patents can be counted by beside terms: columns.
_YEAR = "CASE WHEN date GLOB '[0-9][0-9][0-9][0-9]-*' THEN substr(date, 1, 4) END"
_TALLIED = {"klass": "klass", "subclass": "subclass", "year": _YEAR}

T = TypeVar("T")


class State(msgspec.Struct, frozen=True, array_like=True):
    """Which rows exist: ``rows`` of the file ``vectors``, as of ``generation``.

    They are embeddings by the model in the folder ``bundle``.
    """

    space: Words
    dimensions: Annotated[int, msgspec.Meta(ge=1, le=MOST_DIMENSIONS)]
    bundle: BundleName
    vectors: VectorsName
    rows: Count
    generation: Annotated[int, msgspec.Meta(ge=0)]


class Derived(msgspec.Struct, frozen=True, array_like=True):
    """A file computed from the first ``rows`` rows of the file ``vectors``.

    ``digest`` is the graph's SHA-256, and ``basis`` of how many leading dimensions it is; ``mean``
    (float32 [D]) is what signs are taken around, fitted to the first ``basis`` rows.
    """

    file: DerivedName
    vectors: VectorsName
    rows: Count
    digest: str | None = None
    mean: bytes | None = None
    basis: Count | None = None


class File(msgspec.Struct, frozen=True, array_like=True):
    """A stored file: its key, size in bytes, mtime in ns and content digest."""

    key: int
    size: int
    mtime_ns: int
    digest: Digest


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


class _Drawing(msgspec.Struct, frozen=True, array_like=True):
    """A drawing as `Catalog.stored` reads it, column by column."""

    row: Count
    patent_id: Words
    locarno: Words | None
    klass: Words | None
    subclass: Words | None
    title: Words | None
    date: Words | None
    figure: Words | None
    view: Words | None
    text: Words | None
    bibliography: str | None
    file: int
    size: int
    mtime_ns: int
    digest: Digest
    root: int
    path: Words
    part: Words
    thumbnail: Annotated[int, msgspec.Meta(ge=0)] | None
    thumbnail_size: Annotated[int, msgspec.Meta(ge=4, le=_MOST_PICTURE)] | None


class _Place(msgspec.Struct, frozen=True, array_like=True):
    """Where the thumbnail of a row lies."""

    row: Count
    offset: Annotated[int, msgspec.Meta(ge=0)]
    size: Annotated[int, msgspec.Meta(ge=4, le=_MOST_PICTURE)]


class _Part(msgspec.Struct, frozen=True, array_like=True):
    """Which of a file's drawings: see `part_of`."""

    member: tuple[Words, ...]
    page: Annotated[int, msgspec.Meta(ge=0)]
    box: tuple[Count, Count, Count, Count] | None


def image_of(path: str, part: str) -> ImageRef:
    """The reverse of `part_of`: the drawing ``part`` of the file ``path``."""
    if not part:
        return ImageRef(path)
    which = msgspec.json.decode(part, type=_Part)
    return ImageRef(path, which.member, which.page, which.box)


def require_inside(folder: Path, *, write: bool) -> None:
    """Raise `CollectionError` where something in a collection's folder leads out of it.

    A link is never followed, and a writer writes into no file that has a second name elsewhere.
    Whoever can put links into the folder while we work in it is not kept out.
    """
    if not folder.exists():
        return  # whoever opens it says what to do
    try:
        bundles = [path for path in folder.glob("bundle-*") if path.is_dir()]
        for inside in (folder, *bundles):
            what = names.strange(inside, write=write)
            if what is not None:
                raise CollectionError(
                    f"{inside}: {what}, and an index holds nothing but its own files: remove it, "
                    "or bring back a copy (cp -RL follows links)"
                )
    except OSError as error:
        raise CollectionError(f"{folder} cannot be read ({error.strerror})") from error


def exists(folder: Path) -> bool:
    """Whether ``folder`` holds a catalog that was finished, or one that is damaged.

    One whose making was interrupted before its first commit is none: a catalog gets its name when
    it is whole, but earlier versions wrote it in place.
    """
    path = folder / NAME
    if not path.is_file() or _never_committed(path.with_name(f"{NAME}-journal")):
        return False
    try:
        with closing(read_only(path, alone=not seal.has_log(path))) as sql:
            return bool(sql.execute("PRAGMA user_version").fetchone()[0])
    except sqlite3.Error:
        return True


def _never_committed(journal: Path) -> bool:
    """Whether SQLite's rollback journal belongs to the transaction that made the catalog.

    It says how many pages there were before: none. (https://sqlite.org/fileformat.html, section 3)
    """
    try:
        with journal.open("rb") as file:
            head = file.read(20)
    except OSError:
        return False
    return len(head) == 20 and head[:8] == _JOURNAL and head[16:20] == bytes(4)


def read_only(path: Path, *, alone: bool) -> sqlite3.Connection:
    """A connection that reads; ``alone`` the file as it is, without writing anything beside it."""
    options = "immutable=1" if alone else "mode=ro"
    uri = f"{path.absolute().as_uri()}?{options}"
    return sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=30)


class Catalog:
    """One connection to the catalog, for one thread at a time.

    A reader asks between `begin_reading` and `end`. Raises `CollectionError` where there is no
    catalog, where it is damaged, or of a newer format.
    """

    def __init__(self, folder: Path, *, write: bool = False, name: str = NAME) -> None:
        self.path = folder / name
        self._folders: dict[int, str] = {}
        self._held: seal.Held | None = None
        # Which catalog at rest is read as it is; None where SQLite looks out for a writer.
        self._mark: tuple[object, ...] | None = None
        if write:
            self.sql = self._open(self._connect_writer, empty=True)
        else:
            self._hold()
            self.sql = self._open(self._connect_reader)
            self.end()

    def _open(
        self, connect: Callable[[], sqlite3.Connection], *, empty: bool = False
    ) -> sqlite3.Connection:
        """A connection to a catalog of ours; ``empty`` where it is still to be made."""
        sql = None
        try:
            sql = connect()
            version = sql.execute("PRAGMA user_version").fetchone()[0]
            if version > len(MIGRATIONS):
                raise CollectionError(
                    f"{self.path.parent} has index format {version}, this version reads up to "
                    f"{len(MIGRATIONS)}: upgrade edgepatent"
                )
            if version:
                self._require_schema(sql, version)
            elif not empty:
                raise CollectionError(
                    f"{self.path.parent} has no index format: bring back a copy, or index the "
                    "drawings again in a new folder"
                )
        except BaseException as error:
            if sql is not None:
                sql.close()
            self._release()
            if isinstance(error, sqlite3.Error):
                raise self.failure(error) from error
            raise
        return sql

    def _connect_writer(self) -> sqlite3.Connection:
        uri = self.path.absolute().as_uri()
        sql = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
        sql.execute("PRAGMA trusted_schema = OFF")
        sql.execute("PRAGMA journal_mode = WAL")
        sql.execute("PRAGMA synchronous = FULL")
        return sql

    def _connect_reader(self) -> sqlite3.Connection:
        if self._held:
            sql = read_only(self.path, alone=True)
        else:
            sql = read_only(self.path, alone=False)
            try:
                sql.execute("SELECT 1 FROM sqlite_schema").fetchone()
            except sqlite3.OperationalError:
                sql.close()
                # A folder that cannot be written holds no shared memory file for the log. Where
                # there is no log either, nothing is missing from the main file.
                if not self.path.is_file() or seal.has_log(self.path):
                    raise
                sql = read_only(self.path, alone=True)
        # Nothing that a foreign catalog defines may call what has effects outside it.
        sql.execute("PRAGMA trusted_schema = OFF")
        sql.execute("PRAGMA temp_store = MEMORY")
        return sql

    def _require_schema(self, sql: sqlite3.Connection, version: int) -> None:
        """Raise `CollectionError` unless the catalog defines what ours do, and nothing else.

        Of its own format: an older one is read as it is.
        """
        if schema.digest(sql) != schema.DIGESTS[version - 1]:
            raise CollectionError(
                f"{self.path} is not a catalog of ours (its tables are others): bring back a copy, "
                "or index the drawings again in a new folder"
            )

    def damaged(self, what: object) -> CollectionError:
        """An error for a value that no writer of ours stores."""
        return CollectionError(
            f"{self.path} is damaged ({what}): bring back a copy, or index the drawings again in "
            "a new folder"
        )

    def checked(self, row: object, kind: type[T], where: str) -> T:
        """What was read, as ``kind``. Raises `CollectionError` where it is none."""
        try:
            return msgspec.convert(row, kind, builtin_types=(bytes,))
        except msgspec.ValidationError as error:
            fields = getattr(kind, "__struct_fields__", ())
            # Columns have names, which says more than their place.
            what = re.sub(
                r"`\$\[(\d+)\]`", lambda at: fields[int(at[1])] if fields else at[0], str(error)
            )
            raise self.damaged(f"{where}: {what}") from error

    def version(self) -> int:
        """The format; 0 where the catalog was never finished."""
        version = self.sql.execute("PRAGMA user_version").fetchone()[0]
        return int(version)

    def failure(self, error: sqlite3.Error) -> CollectionError:
        """What ``error`` means to the person who asked."""
        if not self.path.is_file():
            return CollectionError(
                f"there is no index in {self.path.parent}: make one with "
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
            self._require_schema(self.sql, self.version())

    def close(self) -> None:
        """Close the connection; an open transaction is rolled back."""
        self.sql.close()
        self._release()

    def begin_reading(self) -> None:
        """Start a read transaction on the newest state: all until `end` is of this one.

        `end` it soon: until then a writer cannot move its log into the catalog. Where nobody
        writes, nothing is written beside the catalog either. What an older format lacks is there,
        empty, until a writer brings the catalog up to date.
        Raises `CollectionError`, `sqlite3.Error`.
        """
        self.end()
        before = self._mark
        self._hold()
        if self._mark != before:
            self.sql.close()
            self.sql = self._open(self._connect_reader)
        self.sql.execute("BEGIN")
        if self.version() < len(MIGRATIONS):
            schema.stand_in(self.sql, self.version())

    def end(self) -> None:
        """End the open transaction, if there is one, and forget what it changed."""
        if self.sql.in_transaction:
            self.sql.execute("ROLLBACK")
        self._release()

    def _hold(self) -> None:
        self._held = seal.hold(self.path)
        self._mark = self._held.mark if self._held else None

    def _release(self) -> None:
        if self._held:
            self._held.close()
            self._held = None

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
        return self._existing(rows)

    def thumbnails(self) -> list[tuple[int, tuple[int, int]]]:
        """The row and place of every thumbnail, in the order they lie in their file."""
        found = self.sql.execute(
            "SELECT row, thumbnail, thumbnail_size FROM drawings WHERE thumbnail IS NOT NULL "
            "ORDER BY thumbnail"
        ).fetchall()
        return [
            (place.row, (place.offset, place.size))
            for place in self.checked(found, list[_Place], "thumbnails")
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
        condition, parameters = where(filters, self.match)
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
        return self._existing(rows)

    def _existing(self, rows: Rows) -> Rows:
        """``rows``, all of which exist. Raises `CollectionError` where one does not."""
        if len(rows) and not 0 <= int(rows.min()) <= int(rows.max()) < self.state().rows:
            raise self.damaged("it names rows that do not exist")
        return rows

    def matching(self, filters: Filters) -> Rows:
        """The rows whose drawings pass ``filters``, ascending."""
        condition, parameters = where(filters, self.match)
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
        return pairs[:, 0], self._existing(np.ascontiguousarray(pairs[:, 1]))

    def rows_of(self, patents: Iterable[int]) -> dict[int, list[int]]:
        """All rows of each patent key, ascending."""
        grouped: dict[int, list[int]] = {}
        found = self.sql.execute(
            "SELECT row, patent FROM drawings WHERE patent IN (SELECT value FROM json_each(?)) "
            "ORDER BY row",
            (msgspec.json.encode(list(patents)).decode(),),
        ).fetchall()
        listed = self.checked(found, list[tuple[int, int]], "drawings")
        self._existing(np.array([row for row, _ in listed], np.int64))
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
        for one in self.checked(columns, list[_Drawing], "drawings"):
            folder = self.folder_of(one.root)
            try:
                image = image_of(str(Path(folder, one.path)) if folder else one.path, one.part)
            except (ValueError, RecursionError) as error:
                raise self.damaged(f"part of the drawing in row {one.row}: {error}") from error
            record = Record(
                image, one.patent_id, one.locarno, one.klass, one.subclass, one.figure, one.view,
                one.title, one.date, one.text, self._bibliography(one.bibliography),
            )  # fmt: skip
            file = File(one.file, one.size, one.mtime_ns, one.digest)
            pointer = None
            if one.thumbnail is not None and one.thumbnail_size is not None:
                pointer = one.thumbnail, one.thumbnail_size
            found[one.row] = Stored(one.row, record, file, folder, one.path, pointer)
        if len(found) < len(set(wanted)):
            raise self.damaged("rows that are no drawings, or have no patent or file")
        return found

    def _bibliography(self, json: str | None) -> Bibliography:
        """What is stored of a front page."""
        if json is None:
            return NO_BIBLIOGRAPHY
        try:
            return msgspec.json.decode(json, type=Bibliography)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise self.damaged(f"bibliographies: {error}") from error

    def match(self, text: str) -> str:
        """The FTS5 query for what people type: see `words`."""
        return words.match(text, self.sql)

    def matching_text(self, text: str, limit: int) -> list[tuple[int, float]]:
        """Patent keys whose words match ``text`` best, with BM25 (smaller is better)."""
        return self.sql.execute(
            "SELECT rowid, bm25(words, 2.0, 1.0) AS rank FROM words WHERE words MATCH ? "
            "ORDER BY rank LIMIT ?",
            (self.match(text), limit),
        ).fetchall()
