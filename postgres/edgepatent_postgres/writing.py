"""Changes to the database, in short transactions that take turns.

Rows, facts and pictures are made elsewhere, by as many machines as there are, and copied in (see
`copying`). A transaction holds one block of them; its lock on ``state`` makes writers take turns,
so that rows are numbered in the order in which readers come to see them.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgepatent_postgres.connection import Bits, Connection, Halfvec, ask
from edgepatent_postgres.filters import where
from edgepatent_postgres.moment import EXACT_ROWS
from edgepatent_postgres.patents import Patents
from edgepatent_runtime.collection.entries import part_of
from edgepatent_runtime.collection.ingest import Added
from edgepatent_runtime.filling import StoredFile
from edgepatent_runtime.filters import Filters
from edgepatent_runtime.progress import Progress
from edgepatent_runtime.record import Record
from edgepatent_runtime.search.searchable import Floats

SIGNED_ROWS = 4096
"""When so many rows are there, the mean is fitted to them and all rows get signs."""

LINKS, EF_BUILD = 24, 128
"""Of the graph on the signs. With pgvector's own, 16 and 64, some rows are hardly reached: of the
ten nearest in 300,000 it finds .990; with four times the candidates, in five times the time, .998.
"""

GRAPH_MEMORY = 1 << 30
"""So many bytes at least a graph is built in, for 1,000 bytes a row; then more slowly on disk."""

_OF_DRAWINGS = ("figure", "view", "text")


@dataclass(frozen=True)
class Entry:
    """A drawing to be stored: its file, what is known of it, its row (codes and scale)."""

    root: str
    path: str
    size: int
    mtime_ns: int
    digest: bytes
    record: Record
    row: np.void
    picture: bytes | None

    @property
    def part(self) -> str:
        """Which of the file's drawings it is."""
        return part_of(self.record.image)


class Change:
    """One transaction that changes the index. It exists once `changing` ends."""

    def __init__(self, connection: Connection) -> None:
        self._sql = connection
        ((mean, self._rows, self._drawings, patents, dimensions),) = self._ask(
            "SELECT mean, rows, drawings, patents, dimensions FROM state FOR UPDATE", ()
        )
        self._patents = Patents(connection, patents)
        self._mean = None if mean is None else np.frombuffer(mean, "<f4")
        self._dimensions: int = dimensions
        self._changed = False

    def _ask(self, statement: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        return ask(self._sql, statement, parameters)

    def finish(self) -> None:
        """Count what changed: the last statement of the transaction."""
        if self._changed:
            self._ask(
                "UPDATE state SET mean = %s, rows = %s, drawings = %s, patents = %s, "
                "generation = generation + 1",
                (
                    None if self._mean is None else self._mean.astype("<f4").tobytes(),
                    self._rows,
                    self._drawings,
                    self._patents.count,
                ),
            )
            self._ask("INSERT INTO history SELECT generation, now(), rows FROM state", ())

    # -- adding

    def put(self, entries: Sequence[Entry]) -> Added:
        """Store drawings; those of a file of the same content that are there are left as they are.

        Drawings of a file that has another content now replace the older ones.
        """
        files, outdated = self._files(entries)
        replaced = len(self._forget(outdated)) if outdated else 0
        there = {
            (file, part)
            for file, part in self._ask(
                "SELECT file, part FROM drawings WHERE file = ANY(%s)", [list(files.values())]
            )
        }
        new: dict[tuple[int, str], Entry] = {}
        for one in entries:
            key = files[one.root, one.path], one.part
            if key not in there:
                new.setdefault(key, one)
        if new:
            patents = self._patents.know(one.record for one in new.values())
            self._copy(new, patents)
            self._patents.index_words(sorted(patents.values()))
            self._changed = True
            if self._mean is None and self._drawings >= SIGNED_ROWS:
                self._sign_all()
        added = max(0, len(new) - replaced)
        return Added(added=added, replaced=len(new) - added, unchanged=len(entries) - len(new))

    def _files(self, entries: Sequence[Entry]) -> tuple[dict[tuple[str, str], int], list[int]]:
        """The key of each file, by root and path, and the rows of what its old content showed."""
        listed = {(one.root, one.path): one for one in entries}
        roots, paths = zip(*listed, strict=True)
        known = {
            (root, path): (key, digest)
            for key, root, path, digest in self._ask(
                "SELECT id, root, path, digest FROM files JOIN unnest(%s::text[], %s::text[]) "
                "AS wanted (root, path) USING (root, path)",
                [list(roots), list(paths)],
            )
        }
        keys = {name: key for name, (key, _) in known.items()}
        other = [name for name, (_, digest) in known.items() if digest != listed[name].digest]
        columns = ("root", "path", "size", "mtime_ns", "digest")
        new = [one for name, one in listed.items() if name not in known]
        if new:
            for key, root, path in self._ask(
                "INSERT INTO files (root, path, size, mtime_ns, digest) SELECT * FROM unnest("
                "%s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::bytea[]) "
                "RETURNING id, root, path",
                [[getattr(one, column) for one in new] for column in columns],
            ):
                keys[root, path] = key
        rows = [
            row
            for (row,) in self._ask(
                "SELECT row FROM drawings WHERE file = ANY(%s)", [[keys[name] for name in other]]
            )
        ]
        for name in other:
            one = listed[name]
            self._ask(
                "UPDATE files SET size = %s, mtime_ns = %s, digest = %s WHERE id = %s",
                (one.size, one.mtime_ns, one.digest, keys[name]),
            )
        return keys, rows

    def _copy(self, new: Mapping[tuple[int, str], Entry], patents: Mapping[str, int]) -> None:
        """Copy drawings in, in binary."""
        kinds = ["int8", "int8", "int8", "text", "text", "text", "text", "halfvec", "float4",
                 "bit", "bytea"]  # fmt: skip
        signs = self._signs([one.row for one in new.values()])
        statement = "COPY drawings FROM STDIN (FORMAT binary)"
        with self._sql.cursor() as cursor, cursor.copy(statement) as copy:
            copy.set_types(kinds)
            for ((file, part), one), bits in zip(new.items(), signs, strict=True):
                record = one.record
                copy.write_row(
                    (self._rows, patents[record.patent_id], file, part, record.figure,
                     record.view, record.text, Halfvec(one.row["codes"]),
                     float(one.row["scale"]), bits, one.picture)
                )  # fmt: skip
                self._rows += 1
        self._drawings += len(new)

    def _signs(self, rows: Sequence[np.void]) -> list[Bits | None]:
        """The signs of rows around the mean; none before it is fitted."""
        if self._mean is None:
            return [None] * len(rows)
        stored = np.stack([row["codes"].astype(np.float32) * row["scale"] for row in rows])
        return [Bits(one, self._dimensions) for one in np.packbits(stored > self._mean, axis=1)]

    def _sign_all(self) -> None:
        """Fit the mean to the rows that are there and give them signs: once, while they are few."""
        stored = self._ask("SELECT row, codes, scale FROM drawings ORDER BY row", ())
        whole: Floats = np.stack([codes * np.float32(scale) for _, codes, scale in stored])
        self._mean = whole.mean(axis=0)
        packed = np.packbits(whole > self._mean, axis=1)
        with self._sql.cursor() as cursor:
            cursor.executemany(
                "UPDATE drawings SET signs = %s WHERE row = %s",
                [
                    (Bits(bits, self._dimensions), row)
                    for bits, (row, *_) in zip(packed, stored, strict=True)
                ],
            )

    def update(self, told: Mapping[int, Record]) -> None:
        """Bring what is known of the drawings at rows up to date; some may be gone meanwhile."""
        rows = sorted(told)
        before = self._ask("SELECT patent FROM drawings WHERE row = ANY(%s)", [rows])
        patents = self._patents.know(told.values())
        self._ask(
            "UPDATE drawings SET patent = new.patent, figure = new.figure, view = new.view, "
            "text = new.text FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::text[], "
            "%s::text[]) AS new (row, patent, figure, view, text) WHERE new.row = drawings.row",
            [
                rows,
                [patents[told[row].patent_id] for row in rows],
                *([getattr(told[row], name) for row in rows] for name in _OF_DRAWINGS),
            ],
        )
        touched = sorted({*(patent for (patent,) in before), *patents.values()})
        self._patents.drop(touched)
        self._patents.index_words(touched)
        self._changed = True

    def move(self, moved: Sequence[tuple[StoredFile, StoredFile]]) -> None:
        """Store that files lie elsewhere now, or were touched; not where another file lies now."""
        for before, now in moved:
            self._ask(
                "UPDATE files SET root = %s, path = %s, size = %s, mtime_ns = %s "
                "WHERE root = %s AND path = %s AND digest = %s AND NOT EXISTS (SELECT 1 FROM files "
                "AS other WHERE other.root = %s AND other.path = %s AND other.id != files.id)",
                [now.root, now.path, now.size, now.mtime_ns, before.root, before.path,
                 before.digest, now.root, now.path],
            )  # fmt: skip
        self._changed = True

    # -- removing

    def matching(self, filters: Filters) -> list[int]:
        """The rows of the drawings that pass ``filters``."""
        condition, parameters = where(filters)
        found = self._ask(
            "SELECT row FROM drawings JOIN patents ON patents.id = patent WHERE " + condition,
            parameters,
        )
        return [row for (row,) in found]

    def remove(self, rows: Sequence[int]) -> int:
        """Forget the drawings at ``rows``, and files and patents that have none left; how many."""
        files = self._forget(rows)
        self._ask(
            "DELETE FROM files WHERE id = ANY(%s) AND NOT EXISTS "
            "(SELECT 1 FROM drawings WHERE file = files.id)",
            [list(set(files))],
        )
        return len(files)

    def _forget(self, rows: Sequence[int]) -> list[int]:
        """Forget drawings, and patents that have none left; the file of each drawing."""
        gone = self._ask(
            "DELETE FROM drawings WHERE row = ANY(%s) RETURNING patent, file", [list(rows)]
        )
        patents = sorted({patent for patent, _ in gone})
        self._patents.drop(patents)
        self._patents.index_words(patents)
        self._drawings -= len(gone)
        self._changed |= bool(gone)
        return [file for _, file in gone]


@contextmanager
def changing(connection: Connection) -> Iterator[Change]:
    """One transaction, committed where the block ends and forgotten where it raises."""
    with connection.transaction():
        change = Change(connection)
        yield change
        change.finish()


def build_graph(connection: Connection, progress: Progress) -> None:
    """Make the HNSW graph over the signs, once there are so many rows that it pays."""
    with connection.transaction():
        found = connection.execute(
            "SELECT drawings > %s AND mean IS NOT NULL AND NOT graph FROM state FOR UPDATE",
            (EXACT_ROWS,),
        ).fetchone()
        if found is None or not found[0]:
            return
        progress("building the graph in the database", 0, None)
        connection.execute(
            "SELECT set_config('maintenance_work_mem', greatest(%s, "
            "pg_size_bytes(current_setting('maintenance_work_mem'))) / 1024 || 'kB', true)",
            (GRAPH_MEMORY,),
        )
        connection.execute(
            "CREATE INDEX drawings_signs ON drawings USING hnsw (signs bit_hamming_ops) "
            f"WITH (m = {LINKS}, ef_construction = {EF_BUILD})"
        )
        connection.execute("UPDATE state SET graph = true")
