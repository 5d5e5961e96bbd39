"""The stored rows nearest to one query: candidates by a plan, then an exact score for each."""

from dataclasses import dataclass

import numpy as np

from edgepatent_runtime.collection import signs
from edgepatent_runtime.collection.graph import GRAPH_CANDIDATES
from edgepatent_runtime.collection.snapshot import Snapshot
from edgepatent_runtime.collection.vectors import Floats, Rows
from edgepatent_runtime.collection.writer import EXACT_ROWS

PLANS = ("auto", "exact", "scan", "graph")

SCAN_CANDIDATES = 1000


@dataclass(frozen=True)
class Scope:
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

    def visible(self, rows: Rows) -> Rows:
        """Those of the living ``rows`` that may be found."""
        if self.allowed is not None:
            return rows[np.isin(rows, self.allowed)]
        return rows[~np.isin(rows, self.excluded)] if len(self.excluded) else rows


def choose(scope: Scope, plan: str) -> str:
    """The plan to carry out: signs and graph may be missing, and a graph knows no filter."""
    snapshot = scope.snapshot
    if plan == "auto" and scope.size <= EXACT_ROWS:
        return "exact"
    usable = (
        snapshot.graph is not None
        and scope.allowed is None
        and snapshot.state.rows - snapshot.graph.count <= EXACT_ROWS
    )
    if plan in ("auto", "graph") and usable:
        return "graph"
    if plan != "exact" and snapshot.signs is not None:
        return "scan"
    return "exact"


def nearest(scope: Scope, plan: str, query: Floats, count: int) -> tuple[Rows, Floats, bool]:
    """About the ``count`` best rows for ``query`` [D], in no order, and their cosines.

    Also whether no row but these may be found. "exact" never misses one; "scan" and "graph" may.
    """
    snapshot = scope.snapshot
    # Rows are stored rotated: the query is rotated once instead.
    rotated = (snapshot.rotation @ query)[None]
    if plan == "graph":
        rows = _by_graph(scope, query, count)
    elif plan == "scan":
        rows = _by_scan(scope, rotated, count)
    elif scope.allowed is not None:
        rows = scope.allowed
    else:
        rows = scope.visible(snapshot.live_rows())
    scores = snapshot.vectors.scores(rotated, rows)[0]
    complete = plan == "exact" or count >= snapshot.state.rows
    if len(rows) > count:
        kept = np.argpartition(-scores, count - 1)[:count]
        return rows[kept], scores[kept], False
    return rows, scores, complete or len(rows) >= scope.size


def _by_graph(scope: Scope, query: Floats, count: int) -> Rows:
    graph, snapshot = scope.snapshot.graph, scope.snapshot
    assert graph is not None
    rows = graph.nearest(query, max(count, GRAPH_CANDIDATES))
    if graph.count < snapshot.state.rows:
        # What was added since the graph was saved is looked at in full.
        rows = np.concatenate([rows, np.arange(graph.count, snapshot.state.rows)])
    if len(snapshot.dead):
        rows = rows[~np.isin(rows, snapshot.dead)]
    return scope.visible(rows)


def _by_scan(scope: Scope, rotated: Floats, count: int) -> Rows:
    snapshot = scope.snapshot
    assert snapshot.signs is not None
    assert snapshot.mean is not None
    distance = signs.distances(snapshot.signs, signs.pack(rotated, snapshot.mean)[0])
    if scope.allowed is not None:
        hidden = np.ones(len(distance), bool)
        hidden[scope.allowed] = False
        distance[hidden] = signs.NEVER
    distance[snapshot.dead] = signs.NEVER
    distance[scope.excluded] = signs.NEVER
    return signs.nearest(distance, max(count, SCAN_CANDIDATES))
