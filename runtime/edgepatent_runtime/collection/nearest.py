"""The stored rows nearest to one query: candidates by a plan, then an exact score for each."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from edgepatent_runtime.collection import signs
from edgepatent_runtime.collection.graph import GRAPH_CANDIDATES
from edgepatent_runtime.collection.snapshot import Snapshot
from edgepatent_runtime.collection.upkeep import EXACT_ROWS
from edgepatent_runtime.collection.vectors import Floats, Rows

SCAN_CANDIDATES = 1000


@dataclass(frozen=True)
class Reach:
    """The rows that may be found: all living ones, or only ``allowed``; never ``excluded``.

    Both ascending; ``allowed`` holds living rows only, and none of ``excluded``.
    """

    snapshot: Snapshot
    excluded: Rows
    allowed: Rows | None = None

    @property
    def size(self) -> int:
        """How many rows may be found (the excluded counted in where nothing else is filtered)."""
        return self.snapshot.live if self.allowed is None else len(self.allowed)

    @cached_property
    def rows(self) -> Rows:
        """The rows that may be found, ascending."""
        if self.allowed is not None:
            return self.allowed
        return self.visible(self.snapshot.live_rows())

    def visible(self, rows: Rows) -> Rows:
        """Those of the living ``rows`` that may be found."""
        if self.allowed is not None:
            return rows[np.isin(rows, self.allowed)]
        return rows[~np.isin(rows, self.excluded)] if len(self.excluded) else rows


def choose(reach: Reach, plan: str) -> str:
    """The plan to carry out: signs and graph may be missing, and a graph knows no filter."""
    snapshot = reach.snapshot
    if plan == "auto" and reach.size <= EXACT_ROWS:
        return "exact"
    usable = (
        snapshot.graph is not None
        and reach.allowed is None
        and snapshot.state.rows - snapshot.graph.count <= EXACT_ROWS
    )
    if plan in ("auto", "graph") and usable:
        return "graph"
    if plan != "exact" and snapshot.signs is not None:
        return "scan"
    return "exact"


def nearest(reach: Reach, plan: str, query: Floats, count: int) -> tuple[Rows, Floats, bool]:
    """About the ``count`` best rows for ``query`` [D], in no order, and their cosines.

    Also whether no row but these may be found. "exact" never misses one; "scan" and "graph" may.
    """
    snapshot = reach.snapshot
    # Rows are stored rotated: the query is rotated once instead.
    rotated = (snapshot.rotation @ query)[None]
    if plan == "graph":
        rows = _by_graph(reach, query, count)
    elif plan == "scan":
        rows = _by_scan(reach, rotated, count)
    else:
        rows = reach.rows
    scores = snapshot.vectors.scores(rotated, rows)[0]
    complete = plan == "exact" or count >= snapshot.state.rows
    if len(rows) > count:
        kept = np.argpartition(-scores, count - 1)[:count]
        return rows[kept], scores[kept], False
    return rows, scores, complete or len(rows) >= reach.size


def _by_graph(reach: Reach, query: Floats, count: int) -> Rows:
    graph, snapshot = reach.snapshot.graph, reach.snapshot
    assert graph is not None
    rows = graph.nearest(query, max(count, GRAPH_CANDIDATES))
    if graph.count < snapshot.state.rows:
        # What was added since the graph was saved is looked at in full.
        rows = np.concatenate([rows, np.arange(graph.count, snapshot.state.rows)])
    if len(snapshot.dead):
        rows = rows[~np.isin(rows, snapshot.dead)]
    return reach.visible(rows)


def _by_scan(reach: Reach, rotated: Floats, count: int) -> Rows:
    snapshot = reach.snapshot
    assert snapshot.signs is not None
    assert snapshot.mean is not None
    distance = signs.distances(snapshot.signs, signs.pack(rotated, snapshot.mean)[0])
    if reach.allowed is not None:
        hidden = np.ones(len(distance), bool)
        hidden[reach.allowed] = False
        distance[hidden] = signs.NEVER
    distance[snapshot.dead] = signs.NEVER
    distance[reach.excluded] = signs.NEVER
    return signs.nearest(distance, max(count, SCAN_CANDIDATES))
