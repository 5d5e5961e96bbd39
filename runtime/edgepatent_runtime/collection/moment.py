"""What one question may ask of a collection: everything in it is of one state.

The folder's side of `edgepatent_runtime.search.searchable`. Rows are kept under a rotation; that
is known here and nowhere above.
"""

from collections.abc import Callable, Sequence

import numpy as np

from edgepatent_runtime.collection.catalog import Catalog
from edgepatent_runtime.collection.entries import Stored
from edgepatent_runtime.collection.nearest import Reach, choose, nearest
from edgepatent_runtime.collection.snapshot import Snapshot
from edgepatent_runtime.collection.vectors import Floats, Rows
from edgepatent_runtime.filters import Filters


class Scope:
    """The drawings that a question may find, and the plan to find them by."""

    def __init__(self, catalog: Catalog, reach: Reach, plan: str) -> None:
        self._catalog = catalog
        self._reach = reach
        self.plan = choose(reach, plan)

    @property
    def size(self) -> int:
        """How many rows may be found (excluded ones counted in where nothing else is filtered)."""
        return self._reach.size

    def rows(self) -> Rows:
        """All rows that may be found, ascending."""
        return self._reach.rows

    def nearest(self, query: Floats, count: int) -> tuple[Rows, Floats, bool]:
        """About the ``count`` best rows for ``query`` [D]: see `nearest.nearest`."""
        return nearest(self._reach, self.plan, query, count)

    def siblings(self, rows: Rows) -> tuple[Rows, Rows]:
        """The rows in scope of the patents that have one at ``rows``, with their patents' keys."""
        patents, found = self._catalog.siblings(rows)
        visible = self._reach.visible(found)
        if len(visible) < len(found):
            return patents[np.isin(found, visible)], visible
        return patents, found

    def words(self, text: str, count: int) -> list[tuple[float, Rows]]:
        """The ``count`` patents whose words match ``text`` best: their BM25 and all their rows."""
        catalog, allowed = self._catalog, self._reach.allowed
        if allowed is None:
            ranked = catalog.matching_text(text, count)
        else:
            # FTS5 ranks without our filters: take all that match and leave out afterwards.
            keys = set(catalog.patents_of(allowed).tolist())
            ranked = [
                (key, bm25)
                for key, bm25 in catalog.matching_text(text, self._reach.snapshot.live)
                if key in keys
            ][:count]
        rows = catalog.rows_of([key for key, _ in ranked])
        return [(-bm25, np.array(rows[key], np.int64)) for key, bm25 in ranked if key in rows]


class Moment:
    """One state of a collection, while its read transaction is open.

    ``with_graph`` gives the same state with the graph loaded.
    """

    def __init__(
        self, catalog: Catalog, taken: Snapshot, with_graph: Callable[[], Snapshot]
    ) -> None:
        self._catalog = catalog
        self._taken = taken
        self._with_graph = with_graph

    @property
    def generation(self) -> int:
        """A number that grows with every change."""
        return self._taken.state.generation

    @property
    def mark(self) -> int:
        """The same."""
        return self.generation

    def counts(self) -> tuple[int, int]:
        """How many drawings and how many patents there are."""
        return self._catalog.counts()

    def patents(self) -> list[tuple[str, str | None]]:
        """Id and subclass of every patent, in the order in which they came."""
        return self._catalog.patents()

    def unheld(self, text: str) -> dict[str, list[str]]:
        """The words of ``text`` that are not held, each with those one typing error away."""
        return self._catalog.unheld(text)

    def tally(
        self, fields: Sequence[str], filters: Filters
    ) -> list[tuple[tuple[str | None, ...], int]]:
        """How many patents that pass ``filters`` have which values of ``fields``."""
        return self._catalog.tally(fields, filters)

    def scope(self, filters: Filters, exclude: Sequence[bytes] = (), plan: str = "auto") -> Scope:
        """The drawings that pass ``filters``, without those from files with a digest to exclude.

        The plan "graph" loads the graph where the collection was not opened with it.
        """
        excluded = np.sort(self._catalog.of_digest(exclude)) if exclude else np.zeros(0, np.int64)
        allowed = None
        if filters:
            allowed = np.setdiff1d(self._catalog.matching(filters), excluded, assume_unique=True)
        taken = self._with_graph() if plan == "graph" else self._taken
        return Scope(self._catalog, Reach(taken, excluded, allowed), plan)

    def scores(self, queries: Floats, rows: Rows) -> Floats:
        """Cosines [V, N] of ``queries`` [V, D] with ``rows`` [N]."""
        return self._taken.vectors.scores(queries @ self._taken.rotation.T, rows)

    def embeddings(self, rows: Rows) -> Floats:
        """The stored embeddings [N, D] of ``rows`` [N], as the model made them but for rounding."""
        return self._taken.vectors.read(rows) @ self._taken.rotation

    def require(self, rows: Rows) -> None:
        """Raise `CollectionError` where one of ``rows`` does not match its checksum."""
        self._taken.vectors.require(rows)

    def facts(self, rows: Sequence[int]) -> dict[int, Stored]:
        """What is known of the drawings at ``rows``."""
        return self._catalog.stored(rows)
