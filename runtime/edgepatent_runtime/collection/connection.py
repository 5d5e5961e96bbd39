"""A connection to the catalog: opened, checked to be one of ours, and its reads in transactions."""

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeVar

import msgspec

from edgepatent_runtime import names
from edgepatent_runtime.collection import handles, schema, seal
from edgepatent_runtime.collection.schema import MIGRATIONS
from edgepatent_runtime.errors import CollectionError

NAME = "catalog.sqlite"

_JOURNAL = bytes.fromhex("d9d505f920a163d7")

T = TypeVar("T")


def require_inside(folder: Path, *, write: bool) -> None:
    """Raise `CollectionError` where something in a collection's folder leads out of it.

    A link is never followed, and a writer writes into no file that has a second name elsewhere.
    Whoever can put links into the folder while we work in it is not kept out.
    """
    if not folder.exists():
        return  # whoever opens it says what to do
    try:
        parts = ("bundle-*", "rollback-*", "rollback-*/bundle-*")
        inner = [path for part in parts for path in folder.glob(part) if path.is_dir()]
        for inside in (folder, *inner):
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
    return _connect(path, "?immutable=1" if alone else "?mode=ro", timeout=30)


def _connect(path: Path, options: str = "", timeout: float = 5) -> sqlite3.Connection:
    sql = handles.Connection(
        path.absolute().as_uri() + options, path=path, uri=True, isolation_level=None,
        check_same_thread=False, timeout=timeout,
    )  # fmt: skip
    # There may be no folder for temporary files. What would lie there is small: what the pages were
    # that one statement changes. The most is the state with its rotation, 4 D² bytes.
    sql.execute("PRAGMA temp_store = MEMORY")
    return sql


class Connection:
    """One connection to the catalog, for one thread at a time.

    A reader asks between `begin_reading` and `end`. Raises `CollectionError` where there is no
    catalog, where it is damaged, or of a newer format.
    """

    def __init__(self, folder: Path, *, write: bool = False, name: str = NAME) -> None:
        self.path = folder / name
        self._held: seal.Held | None = None
        # Which catalog at rest is read as it is; None where SQLite looks out for a writer.
        self._mark: tuple[object, ...] | None = None
        # What the file was when it was opened as it is though nobody keeps writers from it.
        self._seen: tuple[object, ...] | None = None
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
        sql = _connect(self.path)
        sql.execute("PRAGMA trusted_schema = OFF")
        sql.execute("PRAGMA journal_mode = WAL")
        sql.execute("PRAGMA synchronous = FULL")
        return sql

    def _connect_reader(self) -> sqlite3.Connection:
        self._seen = None
        if self._held:
            sql = read_only(self.path, alone=True)
        else:
            sql = read_only(self.path, alone=False)
            try:
                sql.execute("SELECT 1 FROM sqlite_schema").fetchone()
            except sqlite3.OperationalError:
                sql.close()
                # A folder that we cannot write holds no shared memory file for the log. Where
                # there is no log either, nothing is missing from the main file; but somebody who
                # can write may come, and nothing tells him of us: `end` looks whether he did.
                if not self.path.is_file() or seal.has_log(self.path):
                    raise
                self._seen = self._look()
                sql = read_only(self.path, alone=True)
        # Nothing that a foreign catalog defines may call what has effects outside it.
        sql.execute("PRAGMA trusted_schema = OFF")
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
        if self._changed():
            return self._written_meanwhile()
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
        self._roll_back()
        before = self._mark
        self._hold()
        if self._mark != before or self._seen is not None:
            self.sql.close()
            self.sql = self._open(self._connect_reader)
        self.sql.execute("BEGIN")
        if self.version() < len(MIGRATIONS):
            schema.stand_in(self.sql, self.version())

    def end(self) -> None:
        """End the open transaction, if there is one, and forget what it changed.

        Raises `CollectionError` where a writer came meanwhile whom nothing could tell to wait.
        """
        asked = self.sql.in_transaction
        self._roll_back()
        if asked and self._changed():
            raise self._written_meanwhile()

    def _roll_back(self) -> None:
        if self.sql.in_transaction:
            self.sql.execute("ROLLBACK")
        self._release()

    def _changed(self) -> bool:
        return self._seen is not None and self._look() != self._seen

    def _look(self) -> tuple[object, ...]:
        try:
            status = self.path.stat()
        except OSError:
            return ()
        return status.st_ino, status.st_size, status.st_mtime_ns, seal.has_log(self.path)

    def _written_meanwhile(self) -> CollectionError:
        return CollectionError(f"{self.path.parent} was written while it was read: ask again")

    def _hold(self) -> None:
        self._held = seal.hold(self.path)
        self._mark = self._held.mark if self._held else None

    def _release(self) -> None:
        if self._held:
            self._held.close()
            self._held = None
