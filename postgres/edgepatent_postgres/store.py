"""`PostgresStore`: an index in a database, as ranking and the command line see it."""

import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import psycopg

from edgepatent_postgres import copying, patents, schema, writing
from edgepatent_postgres.connection import Connection, connect, failures, name_of
from edgepatent_postgres.moment import Moment
from edgepatent_runtime.bundle import Bundle
from edgepatent_runtime.collection import Collection
from edgepatent_runtime.collection.entries import part_of
from edgepatent_runtime.collection.info import Info
from edgepatent_runtime.collection.ingest import Added
from edgepatent_runtime.connections import Connections
from edgepatent_runtime.errors import SpaceMismatchError
from edgepatent_runtime.filling import Filled, StoredFile
from edgepatent_runtime.filters import Filters
from edgepatent_runtime.names import Name
from edgepatent_runtime.progress import Progress, silent
from edgepatent_runtime.record import ImageRef, Record
from edgepatent_runtime.search.searchable import Floats

if TYPE_CHECKING:
    from edgepatent_runtime.collection.check import Problem


class PostgresStore(Filled):
    """An index in the database at ``url``. Safe to share between threads; close it.

    Each question has a connection of its own, and as many stay open as were asked at once. Raises
    `CollectionError` where there is no index, one of another format, or no database.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.name = name_of(url)
        self._connections = Connections(
            self.name, lambda: connect(url, write=False), Connection.rollback, _alive
        )
        self._guard = threading.Lock()
        self._model: tempfile.TemporaryDirectory[str] | None = None
        with failures(self.name), self._connections.one() as connection:
            schema.require(connection, self.name)
            row = connection.execute("SELECT space, dimensions, rotation FROM state").fetchone()
            assert row is not None
            self.space: str = row[0]
            self.dimensions: int = row[1]
            self.rotation: Floats = np.frombuffer(row[2], "<f4").reshape(row[1], row[1])

    @classmethod
    def exists(cls, url: str) -> bool:
        """Whether there is an index. Raises `CollectionError` where there is no database."""
        connection = connect(url, write=False)
        with failures(name_of(url)), connection:
            return schema.exists(connection)

    @classmethod
    def create(cls, url: str, bundle: Bundle) -> "PostgresStore":
        """Make an empty index for the model ``bundle``, unless there is one, and open it."""
        connection = connect(url, write=True)
        with failures(name_of(url)), connection:
            schema.create(connection, bundle)
        return cls(url)

    def close(self) -> None:
        """Close all connections."""
        self._connections.close()
        if self._model is not None:
            self._model.cleanup()

    def __enter__(self) -> "PostgresStore":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    # -- reading

    @contextmanager
    def moment(self) -> Iterator[Moment]:
        """One consistent state, for one question: see `moment.Moment`."""
        with failures(self.name), self._connections.one() as connection:
            yield Moment(connection, self.rotation)

    @property
    def bundle(self) -> Bundle:
        """The model, copied to a folder of this process. Raises `BundleError` for damage."""
        with self._guard:
            if self._model is None:
                folder = tempfile.TemporaryDirectory(prefix="edgepatent-model-")
                self._fetch_model(Path(folder.name))
                self._model = folder
            return Bundle(self._model.name)

    def _fetch_model(self, folder: Path) -> None:
        connection = connect(self.url, write=False)
        with failures(self.name), connection:
            for name, data in connection.execute("SELECT name, data FROM bundle", binary=True):
                # A file of the folder, whatever a stranger's database says.
                (folder / Name(name)).write_bytes(data)

    def calibration(self) -> bytes | None:
        """What `search.calibration` measured last and had kept; None where there is nothing."""
        with failures(self.name), self._connections.one() as connection:
            row = connection.execute("SELECT calibration FROM state", binary=True).fetchone()
        return row[0] if row else None

    def thumbnail(self, row: int, image: ImageRef) -> bytes | None:
        """The PNG of the drawing ``image`` that was at ``row``; None where there is none (now)."""
        with self.moment() as moment:
            facts = moment.facts([row])
            if row not in facts or facts[row].record.image != image:
                return None
            ((picture,),) = moment.ask("SELECT thumbnail FROM drawings WHERE row = %s", [row])
            return None if picture is None else bytes(picture)

    def info(self) -> Info:
        """What the database holds."""
        with self.moment() as moment:
            ((size,),) = moment.ask(
                "SELECT coalesce(sum(pg_total_relation_size(oid)), 0)::bigint FROM pg_class "
                "WHERE relnamespace = 'edgepatent'::regnamespace AND relkind IN ('r', 'm')",
                (),
            )
            state = moment.state
        return Info(
            drawings=state.drawings,
            patents=state.patents,
            dimensions=self.dimensions,
            space=self.space,
            bytes=size,
            generation=state.generation,
            graph="fresh" if state.graph else "none",
            model=self.bundle.info.name,
            dead=0,
            roots={},
        )

    # -- writing

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        connection = connect(self.url, write=True)
        with failures(self.name), connection:
            schema.migrate(connection)
            yield connection

    def require_space(self, space: str) -> None:
        """Raise `SpaceMismatchError` unless embeddings of ``space`` can be compared with ours."""
        if space != self.space:
            raise SpaceMismatchError(
                f"{self.name} holds embeddings of another model (space {self.space[:12]}, not "
                f"{space[:12]}): use its own model, or another database"
            )

    def merge(
        self,
        other: Collection,
        progress: Progress = silent,
        only: Callable[[str], bool] | None = None,
    ) -> Added:
        """Copy the drawings of a collection in, those of the patents whose id passes ``only``."""
        self.require_space(other.space)
        with self._writing() as connection:
            return copying.copy_in(connection, self.rotation, other, progress, only)

    def remove(self, filters: Filters) -> int:
        """Forget all drawings that pass ``filters``; how many those were."""
        with self._writing() as connection, writing.changing(connection) as change:
            return change.remove(change.matching(filters))

    def known(self, root: str, paths: Sequence[str]) -> dict[str, StoredFile]:
        """Those of the files ``paths`` below ``root`` that are stored."""
        found = self._files("root = %s AND path = ANY(%s)", [root, list(paths)])
        return {file.path: file for file in found}

    def alike(self, digests: Sequence[bytes]) -> list[StoredFile]:
        """The stored files of these contents."""
        return self._files("digest = ANY(%s)", [list(digests)])

    def _files(self, condition: str, parameters: list[Any]) -> list[StoredFile]:
        with self.moment() as moment:
            found = moment.ask(
                f"SELECT root, path, size, mtime_ns, digest FROM files WHERE {condition} "
                "ORDER BY id",
                parameters,
            )
        return [StoredFile(*one) for one in found]

    def holds(self, root: str, drawings: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
        """Those of the drawings (path below ``root``, part) that are stored."""
        with self.moment() as moment:
            return set(moment.rows_of(root, drawings))

    def below(self, root: str) -> Iterator[tuple[str, str]]:
        """The path below ``root`` and the part of every drawing of there."""
        with self.moment() as moment:
            yield from moment.stream(
                "SELECT path, part FROM drawings JOIN files ON files.id = file WHERE root = %s",
                [root],
            )

    def move(self, moved: Sequence[tuple[StoredFile, StoredFile]]) -> None:
        """Store that files of unchanged content lie elsewhere now, or were touched."""
        with self._writing() as connection, writing.changing(connection) as change:
            change.move(moved)

    def forget(self, root: str, drawings: Sequence[tuple[str, str]]) -> int:
        """Forget drawings, by path below ``root`` and part; how many those were."""
        count = 0
        with self._writing() as connection:
            for start in range(0, len(drawings), copying.BLOCK):
                with self.moment() as moment:
                    rows = moment.rows_of(root, drawings[start : start + copying.BLOCK])
                with writing.changing(connection) as change:
                    count += change.remove(list(rows.values()))
        return count

    def update(self, root: str, told: Sequence[tuple[str, Record]]) -> int:
        """Bring what is known of stored drawings up to date; how many changed.

        The figures of a sheet that changed change with it.
        """
        with self.moment() as moment:
            rows = moment.rows_of(root, [(path, part_of(one.image)) for path, one in told])
            facts = moment.facts(list(rows.values()))
            changed = {}
            for path, record in told:
                row = rows.get((path, part_of(record.image)))
                if row is not None and patents.tells_more(record, facts[row].record):
                    changed[row] = path, record
            new = {row: record for row, (_, record) in changed.items()}
            if changed:
                new |= moment.figures_of(root, changed.values())
        if new:
            with self._writing() as connection, writing.changing(connection) as change:
                change.update(new)
        return len(changed)

    def verify(self, progress: Progress = silent) -> "list[Problem]":
        """Everything that is wrong with what is stored: see `check.verify`."""
        from edgepatent_postgres import check

        with self.moment() as moment:
            return check.verify(moment, self.bundle, progress)

    def keep_calibration(self, data: bytes) -> None:
        """Keep what `search.measuring` measured."""
        with self._writing() as connection:
            connection.execute("UPDATE state SET calibration = %s", (data,))

    def finish(self, progress: Progress = silent, threads: int = 0) -> None:
        """What is due after changes: the graph, where it is worth it."""
        with self._writing() as connection:
            writing.build_graph(connection, progress)


def _alive(connection: Connection) -> bool:
    """Whether a connection that lay idle still leads somewhere: the server may be another one."""
    try:
        connection.execute("SELECT 1")
    except psycopg.Error:
        return False
    return True
