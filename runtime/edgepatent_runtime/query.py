"""What a person asks: which patents look like these views of a design?

Candidates, then an exact score over the stored rows. Three plans find candidates: ``exact`` (all
rows), ``scan`` (Hamming distance of signs, straight from the disk) and ``graph`` (HNSW, loaded
into memory). Each answer is grouped to patents.

A patent's score for several query views is the mean over the views of its best matching drawing
(MaxSim: Khattab and Zaharia, "ColBERT", 2020, section 3.3, divided by the number of views, so
that it stays a cosine). Every patent that is found is scored over all of its drawings, not only
over those that were candidates.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from edgepatent_runtime.collection.catalog import Catalog, Stored
from edgepatent_runtime.collection.filters import Filters
from edgepatent_runtime.collection.graph import GRAPH_CANDIDATES
from edgepatent_runtime.collection.nearest import PLANS, Scope, choose, nearest
from edgepatent_runtime.collection.snapshot import Snapshot
from edgepatent_runtime.collection.vectors import Floats, Rows
from edgepatent_runtime.errors import InputError, SpaceMismatchError
from edgepatent_runtime.record import ImageRef

if TYPE_CHECKING:
    from edgepatent_runtime.collection.collection import Collection

__all__ = ["PLANS", "Answer", "DrawingHit", "Filters", "Hit", "search"]


@dataclass(frozen=True)
class DrawingHit:
    """A drawing of a patent that was found; ``score`` is the best cosine with any query view.

    ``path`` is relative to the source it came from, ``image`` where it should lie on this
    machine; ``thumbnail`` is for `Collection.thumbnail`.
    """

    path: str
    figure: str | None
    view: str | None
    text: str | None
    score: float
    row: int
    image: ImageRef
    thumbnail: tuple[int, int] | None


@dataclass(frozen=True)
class Hit:
    """A patent that was found, with its drawings, best first. ``score`` lies in [-1, 1]."""

    rank: int
    score: float
    patent_id: str
    locarno: str | None
    title: str | None
    date: str | None
    collection: str
    drawings: list[DrawingHit]
    klass: str | None = None
    subclass: str | None = None


@dataclass(frozen=True)
class Answer:
    """Hits by falling score, and the plan that found them.

    ``milliseconds`` is wall time; ``searched`` is how many drawings could have been found.
    """

    hits: list[Hit]
    plan: str
    milliseconds: float
    searched: int


def search(
    collections: Sequence["Collection"],
    embeddings: Floats,
    *,
    top: int = 10,
    filters: Filters | None = None,
    plan: str = "auto",
    exclude: Iterable[bytes] = (),
) -> Answer:
    """The ``top`` patents whose drawings are most like the views ``embeddings`` [V, D].

    ``embeddings`` are unit vectors of the collections' own model. ``exclude`` are the
    SHA-256 digests of files that shall not be found: the query images themselves.
    ``plan`` "auto" is exact for up to 20,000 rows, or where the filters leave no more; otherwise
    the graph where it is loaded and there is no filter; otherwise the scan. A patent in several
    collections is reported once, where it scores best. Safe from several threads.

    Raises `SpaceMismatchError` where the collections are of several models, `InputError` for
    embeddings that are not theirs or an unknown plan, `CollectionError` for damage.
    """
    if plan not in PLANS:
        raise InputError(f"there is no plan {plan!r}: use one of {', '.join(PLANS)}")
    if not collections:
        raise InputError("no collection to search in")
    started = time.perf_counter()
    queries = np.atleast_2d(np.asarray(embeddings, np.float32))
    for other in collections[1:]:
        if other.space != collections[0].space:
            raise SpaceMismatchError(
                f"{other.folder} and {collections[0].folder} hold embeddings of different "
                "models: run edgepatent index rebuild --model on one of them"
            )
    dimensions = collections[0].dimensions
    if queries.shape[1] != dimensions or not len(queries):
        raise InputError(f"expected embeddings [V,{dimensions}], got {list(queries.shape)}")
    digests = list(exclude)
    found: list[Hit] = []
    plans = []
    searched = 0
    for collection in collections:
        if plan == "graph":
            collection.resident = True
        with collection.reading() as (catalog, snapshot):
            one = _Search(catalog, snapshot, queries, filters or Filters(), digests, plan)
            found += one.hits(str(collection.folder), top)
            plans.append(one.plan)
            searched += one.scope.size
    found.sort(key=lambda hit: -hit.score)
    hits: dict[str, Hit] = {}
    for hit in found:
        hits.setdefault(hit.patent_id, hit)
    ranked = [
        replace(hit, rank=rank) for rank, hit in enumerate(list(hits.values())[:top], start=1)
    ]
    taken = (time.perf_counter() - started) * 1000
    return Answer(ranked, "+".join(dict.fromkeys(plans)), taken, searched)


class _Search:
    """One search in one state of one collection."""

    def __init__(
        self,
        catalog: Catalog,
        snapshot: Snapshot,
        queries: Floats,
        filters: Filters,
        exclude: Sequence[bytes],
        plan: str,
    ) -> None:
        self.catalog = catalog
        self.vectors = snapshot.vectors
        self.queries = queries
        self.rotated: Floats = queries @ snapshot.rotation.T
        excluded = np.sort(catalog.of_digest(exclude)) if exclude else np.zeros(0, np.int64)
        allowed = np.setdiff1d(catalog.matching(filters), excluded) if filters else None
        self.scope = Scope(snapshot, excluded, allowed)
        self.plan = choose(self.scope, plan)

    def hits(self, name: str, top: int) -> list[Hit]:
        """The best ``top`` patents; ranks are left 0."""
        if not self.scope.size or top < 1:
            return []
        count = max(GRAPH_CANDIDATES, 4 * top)
        ranking = self._rank(count, top)
        while not ranking.complete:
            count *= 4
            ranking = self._rank(count, top)
        best = ranking.first(top)
        rows = np.concatenate([rows for _, rows, _ in best]) if best else np.zeros(0, np.int64)
        self.vectors.require(rows)
        stored = self.catalog.stored(rows.tolist())
        return [_hit(name, score, rows, scores, stored) for score, rows, scores in best]

    def _rank(self, count: int, top: int) -> "_Ranking":
        """The patents of ``count`` candidates a view, each scored over all of its drawings.

        The ranking is complete where more candidates could not change the first ``top``, by the
        threshold of Fagin, Lotem and Naor ("Optimal aggregation algorithms for middleware", 2001):
        a patent without a candidate scores at most the mean of the views' last candidates.
        """
        candidates: list[Rows] = []
        threshold = 0.0
        exhausted = True
        for query in self.queries:
            rows, scores, complete = nearest(self.scope, self.plan, query, count)
            exhausted = exhausted and complete
            threshold += float(scores.min(initial=1.0)) / len(self.queries)
            candidates.append(rows)
        patents, rows = self.catalog.siblings(np.unique(np.concatenate(candidates)))
        visible = self.scope.visible(rows)
        if len(visible) < len(rows):
            patents, rows = patents[np.isin(rows, visible)], visible
        scores = self.vectors.scores(self.rotated, rows)
        starts = np.flatnonzero(np.diff(patents, prepend=-1))
        if not len(starts):
            return _Ranking(rows, scores, starts, np.zeros(0, np.float32), exhausted)
        means = np.maximum.reduceat(scores, starts, axis=1).mean(axis=0)
        enough = len(means) >= top and np.partition(means, -top)[-top] >= threshold
        return _Ranking(rows, scores, starts, means, exhausted or bool(enough))


@dataclass(frozen=True)
class _Ranking:
    """Patents with a score each; the rows [N] of each follow each other from ``starts`` on."""

    rows: Rows
    scores: Floats
    starts: Rows
    means: Floats
    complete: bool

    def first(self, top: int) -> list[tuple[float, Rows, Floats]]:
        """Score, rows and the rows' best scores with any view, of the best patents in order."""
        ends = np.append(self.starts[1:], len(self.rows))
        order = np.lexsort((self.rows[self.starts], -self.means))[:top]
        return [
            (
                float(self.means[patent]),
                self.rows[self.starts[patent] : ends[patent]],
                self.scores[:, self.starts[patent] : ends[patent]].max(axis=0),
            )
            for patent in order.tolist()
        ]


def _hit(name: str, score: float, rows: Rows, scores: Floats, stored: dict[int, Stored]) -> Hit:
    order = np.argsort(-scores, kind="stable")
    known = stored[int(rows[order[0]])].record
    drawings = []
    for position in order.tolist():
        entry = stored[int(rows[position])]
        drawings.append(
            DrawingHit(
                entry.path,
                entry.record.figure,
                entry.record.view,
                entry.record.text,
                float(scores[position]),
                entry.row,
                entry.record.image,
                entry.thumbnail,
            )
        )
    return Hit(
        0, score, known.patent_id, known.locarno, known.title, known.date, name, drawings,
        known.klass, known.subclass,
    )  # fmt: skip
