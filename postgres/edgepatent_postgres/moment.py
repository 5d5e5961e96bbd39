"""What one question may ask of the database: all of it inside one transaction, of one state."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from edgepatent_postgres import words
from edgepatent_postgres.connection import Bits, Connection, ask, fragment
from edgepatent_postgres.filters import where
from edgepatent_runtime.collection import tally
from edgepatent_runtime.collection.entries import DIGEST, image_of, part_of
from edgepatent_runtime.filters import Filters
from edgepatent_runtime.record import NO_BIBLIOGRAPHY, Bibliography, Record
from edgepatent_runtime.search.searchable import Floats, Rows

EXACT_ROWS = 20_000
"""Up to so many rows a search is exact."""

CANDIDATES = 1000
"""So many candidates the signs give; also the most that pgvector looks for at once."""

_MOST_SCANNED = 1_000_000
# For this transaction. Without iterative scans a filter applies to the first candidates alone. All
# candidates are scored exactly: in strict order those that come out of turn would be lost, and the
# memory that is the default ends a scan before so many rows are seen.
_SETTINGS = f"""
    SELECT set_config('hnsw.ef_search', '{CANDIDATES}', true),
    set_config('hnsw.iterative_scan', 'relaxed_order', true),
    set_config('hnsw.max_scan_tuples', '{_MOST_SCANNED}', true),
    set_config('hnsw.scan_mem_multiplier', '8', true),
    set_config('enable_seqscan', 'off', true)
"""
_YEAR = "CASE WHEN date ~ '^[0-9]{4}-' THEN substr(date, 1, 4) END"
_TALLIED = {"klass": "klass", "subclass": "subclass", "year": _YEAR}
_FACTS = ("patent_id", "locarno", "klass", "subclass", "figure", "view", "title", "date", "text")
_SCORE = "(-(codes::vector <#> %s::real[]::vector) * scale)::float8"


@dataclass(frozen=True)
class State:
    """What the one row of ``state`` says, without the rotation that never changes."""

    mean: Floats | None
    graph: bool
    rows: int
    drawings: int
    patents: int
    generation: int


@dataclass(frozen=True)
class Stored:
    """What is known of a drawing: see `searchable.Facts`."""

    record: Record
    path: str


class Scope:
    """The drawings that a question may find: those that meet ``condition``.

    It is one on ``drawings`` joined with ``patents``; ``filtered`` says whether there are filters.
    """

    def __init__(
        self,
        moment: "Moment",
        condition: str,
        parameters: list[Any],
        *,
        filtered: bool,
        plan: str,
    ) -> None:
        self._moment = moment
        self._condition = condition
        self._parameters = parameters
        self._filtered = filtered
        self._wanted = plan

    @cached_property
    def size(self) -> int:
        """How many rows may be found (excluded ones counted in where nothing else is filtered)."""
        if not self._filtered:
            return self._moment.state.drawings
        ((count,),) = self._ask(f"SELECT count(*) FROM {self._from}", self._parameters)
        return int(count)

    @cached_property
    def plan(self) -> str:
        """ "exact", or "signs": candidates by the HNSW graph over the signs."""
        signs = self._moment.state.graph and self._moment.state.mean is not None
        if self._wanted == "exact" or not signs:
            return "exact"
        return "exact" if self._wanted == "auto" and self.size <= EXACT_ROWS else "signs"

    @property
    def _from(self) -> str:
        # Without filters nothing is asked of the patents.
        joined = " JOIN patents ON patents.id = drawings.patent" if self._filtered else ""
        return f"drawings{joined} WHERE {self._condition}"

    def _ask(self, statement: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        return self._moment.ask(statement, parameters)

    def rows(self) -> Rows:
        """All rows that may be found, ascending."""
        found = self._ask(f"SELECT row FROM {self._from} ORDER BY row", self._parameters)
        return np.fromiter((row for (row,) in found), np.int64)

    def nearest(self, query: Floats, count: int) -> tuple[Rows, Floats, bool]:
        """About the ``count`` best rows for ``query`` [D], and their cosines."""
        rotated = self._moment.rotation @ query
        found: list[tuple[Any, ...]] = []
        if self.plan == "signs":
            found = self._by_signs(rotated, count)
        if len(found) < min(count, self.size):
            # Also where a filter left the graph with fewer than there are.
            found = self._ask(
                f"SELECT row, {_SCORE} AS score FROM {self._from} "
                "ORDER BY score DESC, row LIMIT %s",
                [rotated.tolist(), *self._parameters, count],
            )
        rows = np.array([row for row, _ in found], np.int64)
        scores = np.array([score for _, score in found], np.float32)
        return rows, scores, len(rows) < count or len(rows) >= self.size

    def _by_signs(self, rotated: Floats, count: int) -> list[tuple[Any, ...]]:
        state = self._moment.state
        assert state.mean is not None
        wanted = max(count, CANDIDATES)
        signs = Bits(np.packbits(rotated > state.mean), len(rotated))
        self._ask(_SETTINGS, ())
        return self._ask(
            "WITH near AS MATERIALIZED (SELECT row, codes, scale FROM "
            f"{self._from} AND signs IS NOT NULL ORDER BY signs <~> %s LIMIT %s) "
            f"SELECT row, {_SCORE} AS score FROM near ORDER BY score DESC, row LIMIT %s",
            [*self._parameters, signs, wanted, rotated.tolist(), count],
        )

    def siblings(self, rows: Rows) -> tuple[Rows, Rows]:
        """The rows in scope of the patents that have one at ``rows``, with their patents' keys."""
        found = self._ask(
            f"SELECT patent, row FROM {self._from} AND patent IN "
            "(SELECT patent FROM drawings WHERE row = ANY(%s)) ORDER BY patent, row",
            [*self._parameters, rows.tolist()],
        )
        pairs = np.array(found, np.int64).reshape(-1, 2)
        return pairs[:, 0], np.ascontiguousarray(pairs[:, 1])

    def words(self, text: str, count: int) -> list[tuple[float, Rows]]:
        """The ``count`` patents whose words match ``text`` best: their BM25 and all their rows."""
        inside = f"patents.id IN (SELECT patent FROM {self._from})" if self._filtered else "true"
        statement, parameters = words.ranked(words.Match(text), inside)
        held = self._parameters if self._filtered else []
        best = self._ask(statement, [*parameters, *held, count])
        rows: dict[int, list[int]] = {}
        for patent, row in self._ask(
            "SELECT patent, row FROM drawings WHERE patent = ANY(%s) ORDER BY row",
            [[key for key, _ in best]],
        ):
            rows.setdefault(patent, []).append(row)
        return [(score, np.array(rows[key], np.int64)) for key, score in best]


class Moment:
    """One state of the database, while its transaction is open."""

    def __init__(self, connection: Connection, rotation: Floats) -> None:
        self._connection = connection
        self.rotation = rotation
        ((mean, *rest),) = self.ask(
            "SELECT mean, graph, rows, drawings, patents, generation FROM state", ()
        )
        self.state = State(None if mean is None else np.frombuffer(mean, "<f4"), *rest)

    def ask(self, statement: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        """What a statement gives."""
        return ask(self._connection, statement, parameters)

    def stream(self, statement: str, parameters: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
        """The same, row by row: for what may be too much at once. Ask nothing else meanwhile."""
        with self._connection.cursor(binary=True) as cursor:
            yield from cursor.stream(fragment(statement), parameters or None, binary=True)

    @property
    def generation(self) -> int:
        """A number that grows with every change."""
        return self.state.generation

    @property
    def mark(self) -> int:
        """The same."""
        return self.generation

    def counts(self) -> tuple[int, int]:
        """How many drawings and how many patents there are."""
        return self.state.drawings, self.state.patents

    def patents(self) -> list[tuple[str, str | None]]:
        """Id and subclass of every patent, in the order in which they came."""
        return [
            (number, subclass)
            for number, subclass in self.ask(
                "SELECT patent_id, subclass FROM patents ORDER BY id", ()
            )
        ]

    def unheld(self, text: str) -> dict[str, list[str]]:
        """The words of ``text`` that are not held, each with those one typing error away."""
        return words.unheld(text, self.ask)

    def tally(
        self, fields: Sequence[str], filters: Filters
    ) -> list[tuple[tuple[str | None, ...], int]]:
        """How many patents that pass ``filters`` have which values of ``fields``."""
        condition, parameters = where(filters)
        counted = tally.statement(fields, condition, _TALLIED, collation=' COLLATE "C"')
        found = self.ask(counted, parameters)
        return [(tuple(values), count) for count, *values in found]

    def scope(self, filters: Filters, exclude: Sequence[bytes] = (), plan: str = "auto") -> Scope:
        """The drawings that pass ``filters``, without those from files with a digest to exclude."""
        condition, parameters = where(filters)
        if exclude:
            condition += " AND file NOT IN (SELECT id FROM files WHERE digest = ANY(%s))"
            parameters.append([digest[:DIGEST] for digest in exclude])
        return Scope(self, condition, parameters, filtered=bool(filters), plan=plan)

    def scores(self, queries: Floats, rows: Rows) -> Floats:
        """Cosines [V, N] of ``queries`` [V, D] with ``rows`` [N]."""
        return np.asarray(queries @ self.rotation.T @ self._vectors(rows).T, np.float32)

    def embeddings(self, rows: Rows) -> Floats:
        """The stored embeddings [N, D] of ``rows`` [N], as the model made them but for rounding."""
        return np.asarray(self._vectors(rows) @ self.rotation, np.float32)

    def _vectors(self, rows: Rows) -> Floats:
        """The stored vectors [N, D], rotated."""
        found = self.ask(
            "SELECT row, codes, scale FROM drawings WHERE row = ANY(%s)", [rows.tolist()]
        )
        place = {row: codes * np.float32(scale) for row, codes, scale in found}
        vectors = np.empty((len(rows), len(self.rotation)), np.float32)
        for number, row in enumerate(rows.tolist()):
            vectors[number] = place[row]
        return vectors

    def require(self, rows: Rows) -> None:
        """Nothing: PostgreSQL sees to its own pages."""

    def rows_of(self, root: str, drawings: Sequence[tuple[str, str]]) -> dict[tuple[str, str], int]:
        """The row of each of the drawings (path below ``root``, part) that is stored."""
        paths, parts = [path for path, _ in drawings], [part for _, part in drawings]
        found = self.ask(
            "SELECT path, part, row FROM unnest(%s::text[], %s::text[]) AS wanted (path, part) "
            "JOIN files USING (path) JOIN drawings USING (part) "
            "WHERE root = %s AND file = files.id",
            [paths, parts, root],
        )
        return {(path, part): row for path, part, row in found}

    def figures_of(self, root: str, sheets: Iterable[tuple[str, Record]]) -> dict[int, Record]:
        """The rows of the figures on stored sheets, as they are when the sheets are these."""
        told = {(path, part_of(sheet.image)): sheet for path, sheet in sheets}
        found = self.ask(
            "SELECT path, part, figure, row FROM drawings JOIN files ON files.id = file "
            "WHERE root = %s AND path = ANY(%s) AND part != ''",
            [root, [path for path, _ in told]],
        )
        figures = {}
        for path, part, number, row in found:
            image = image_of("", part)
            sheet = told.get((path, part_of(msgspec.structs.replace(image, box=None))))
            if image.box is not None and sheet is not None:
                image = msgspec.structs.replace(sheet.image, box=image.box)
                figures[row] = msgspec.structs.replace(sheet, image=image, figure=number, view=None)
        return figures

    def facts(self, rows: Sequence[int]) -> dict[int, Stored]:
        """What is known of the drawings at ``rows``."""
        found = self.ask(
            "SELECT row, root, path, part, bibliography, patent_id, locarno, klass, subclass, "
            "figure, view, title, date, text FROM drawings JOIN patents ON patents.id = patent "
            "JOIN files ON files.id = file WHERE row = ANY(%s)",
            [list(rows)],
        )
        known = {}
        for row, root, path, part, bibliography, *facts in found:
            image = image_of(str(Path(root, path)) if root else path, part)
            front = NO_BIBLIOGRAPHY
            if bibliography is not None:
                front = msgspec.json.decode(bibliography, type=Bibliography)
            record = Record(image, **dict(zip(_FACTS, facts, strict=True)), bibliography=front)
            known[row] = Stored(record, path)
        return known
