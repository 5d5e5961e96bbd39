"""Which patents look like these views of a design?

Candidates, then an exact score over the stored rows. Three plans find candidates: ``exact`` (all
rows), ``scan`` (Hamming distance of signs, straight from the disk) and ``graph`` (HNSW, loaded
into memory). Each answer is grouped to patents.

A patent's score for several query views is the mean over the views, by what each counts, of its
best matching drawing (MaxSim: Khattab and Zaharia, "ColBERT", 2020, section 3.3, as a mean, so that
it stays a cosine). Every patent that is found is scored over all of its drawings, not only
over those that were candidates.
"""

import time
from collections.abc import Iterable, Mapping, Sequence

import msgspec
import numpy as np

from edgepatent_runtime.errors import InputError, SpaceMismatchError
from edgepatent_runtime.filters import Filters
from edgepatent_runtime.ordered import distinct
from edgepatent_runtime.search.results import Answer, DrawingHit, Hit
from edgepatent_runtime.search.scale import FIELD
from edgepatent_runtime.search.searchable import (
    PLANS,
    Facts,
    Floats,
    Moment,
    Ranked,
    Ranks,
    Rows,
    Scope,
    Searchable,
    Views,
)

CANDIDATES = 200
"""So many candidates a view are asked for at first; all of them are then scored exactly."""

UNLIKE = 0.5
"""What a patent loses of its cosine with what it should not be like (Rocchio's usual share)."""

# As far from length 1 as rounding to 16 bits takes an embedding, and a little.
_TOLERANCE = 0.01


def search(
    stores: Sequence[Searchable],
    embeddings: Floats,
    *,
    weights: Sequence[float] | None = None,
    balance: Floats | None = None,
    top: int = 10,
    filters: Filters | None = None,
    plan: str = "auto",
    exclude: Iterable[bytes] = (),
    unlike: Floats | None = None,
    copies: Mapping[str, float | None] | None = None,
) -> Answer:
    """The ``top`` patents whose drawings are most like the views ``embeddings`` [V, D].

    ``embeddings`` are unit vectors of the stores' own model, ``weights`` [V] what each counts, all
    the same where there are none; ``balance`` [D] multiplies their dimensions. ``exclude`` are the
    SHA-256 digests of files that shall not be found: the query images themselves. ``plan`` "auto"
    is exact for up to 20,000 rows, or where the filters leave no more; otherwise the graph where
    the store was opened with it and there is no filter; otherwise the scan. "graph" loads it where
    it is not, for this question. A patent loses half of its highest cosine with one of the views
    ``unlike`` [U, D], where that is positive. With ``copies`` hits name the better one that they
    are copies of (`copies.heads`), each index, by its name, with its own limit. A patent in several
    stores is reported once, where it scores best. Safe from several threads.

    Raises `SpaceMismatchError` where the stores are of several models, `InputError` for
    embeddings that are not theirs or an unknown plan, `CollectionError` for damage.
    """
    if plan not in PLANS:
        raise InputError(f"there is no plan {plan!r}: use one of {', '.join(PLANS)}")
    if not stores:
        raise InputError("no index to search in")
    started = time.perf_counter()
    require_one_space(stores)
    queries = checked(embeddings, stores[0].dimensions)
    if balance is not None:
        queries = queries * balance
    shares = np.ones(len(queries)) if weights is None else np.asarray(weights, np.float64)
    shares = (shares / shares.sum()).astype(np.float32)
    against = None if unlike is None else checked(unlike, stores[0].dimensions)
    if against is not None and balance is not None:
        against = against * balance
    digests = list(exclude)
    found: list[_Found] = []
    field: list[Floats] = []
    plans = []
    searched = 0
    for store in stores:
        with store.moment() as moment:
            scope = moment.scope(filters or Filters(), digests, plan)
            views = Views(queries, shares, against)
            if isinstance(scope, Ranks):
                ranking = scope.ranked(views, top)
            else:
                ranking = ranked(moment, scope, views, top)
            best = _found(store, ranking)
            if copies is not None:
                best = _with_heads(best, moment, copies.get(store.name))
            found += best
            field.append(ranking.near)
            plans.append(scope.plan)
            searched += scope.size
    # A patent counts where it scores best, ties where it was found first.
    found.sort(key=lambda one: -one.score)
    unique: dict[str, _Found] = {}
    for one in found:
        unique.setdefault(one.patent_id, one)
    hits = [one.hit(rank) for rank, one in enumerate(list(unique.values())[:top], start=1)]
    taken = (time.perf_counter() - started) * 1000
    return Answer(
        hits=hits,
        plan="+".join(dict.fromkeys(plans)),
        milliseconds=taken,
        searched=searched,
        field=tuple(-np.sort(-np.concatenate(field))[:FIELD]),
    )


def checked(embeddings: Floats, dimensions: int) -> Floats:
    """Views [V, D] as float32, from [V, D] or [D].

    Raises `InputError` where they are not V ≥ 1 unit vectors of ``dimensions``.
    """
    queries = np.atleast_2d(np.asarray(embeddings, np.float32))
    if queries.ndim != 2 or queries.shape[1] != dimensions or not len(queries):
        raise InputError(f"expected embeddings [V,{dimensions}], got {list(queries.shape)}")
    lengths = np.linalg.norm(queries, axis=1)
    # Written so that NaN is no unit length either.
    wrong = ~(np.abs(lengths - 1) <= _TOLERANCE)
    if wrong.any():
        view = int(np.argmax(wrong))
        raise InputError(
            f"embedding {view + 1} is no unit vector (its length is {lengths[view]:.3g}): "
            "divide it by its length, or embed the drawing again"
        )
    return queries


def require_one_space(stores: Sequence[Searchable]) -> None:
    """Raise `SpaceMismatchError` unless the embeddings of all ``stores`` can be compared."""
    for other in stores[1:]:
        if other.space != stores[0].space:
            raise SpaceMismatchError(
                f"{other.name} holds embeddings of another model than {stores[0].name}, and those "
                "of different models cannot be compared: run edgepatent index rebuild --model on "
                "one of them"
            )


class _Found(msgspec.Struct, frozen=True):
    """A patent of one store: its rows [N], the best score [N] of each, what is known of them."""

    store: Searchable
    score: float
    rows: Rows
    scores: Floats
    facts: dict[int, Facts]
    like: str | None = None

    @property
    def patent_id(self) -> str:
        return self.facts[int(self.rows[0])].record.patent_id

    def hit(self, rank: int) -> Hit:
        """The hit. Rounding to int8 lifts some cosines above 1, most where kin alone counts."""
        drawings = []
        sheets = set()
        for place in np.argsort(-self.scores, kind="stable").tolist():
            row = int(self.rows[place])
            # A sheet and its figures count once: the best of them stands for all.
            image = self.facts[row].record.image
            sheet = (image.path, image.member, image.page)
            if sheet not in sheets:
                sheets.add(sheet)
                score = min(float(self.scores[place]), 1.0)
                drawings.append(DrawingHit.of(self.store, row, self.facts[row], score=score))
        record = self.facts[drawings[0].row].record
        score = min(self.score, 1.0)
        return Hit.of(
            self.store, record, drawings, rank=rank, score=score, cosine=score, like=self.like
        )


def ranked(moment: Moment, scope: Scope, views: Views, top: int) -> Ranked:
    """The best ``top`` patents in scope. Raises `CollectionError` for damaged rows."""
    if not scope.size or top < 1:
        nothing, nowhere = np.zeros(0, np.float32), np.zeros(0, np.int64)
        return Ranked(nothing, nowhere, nowhere, nothing, nothing, {})
    count = max(CANDIDATES, 4 * top)
    ranking = _rank(moment, scope, views, count, top)
    while not ranking.complete:
        count *= 4
        ranking = _rank(moment, scope, views, count, top)
    best = ranking.first(top)
    moment.require(best.rows)
    return msgspec.structs.replace(best, facts=moment.facts(best.rows.tolist()))


def _found(store: Searchable, ranking: Ranked) -> list[_Found]:
    """The patents that were ranked."""
    facts = dict(ranking.facts)
    ends = [*ranking.starts.tolist()[1:], len(ranking.rows)]
    return [
        _Found(store, score, ranking.rows[start:end], ranking.best[start:end], facts)
        for score, start, end in zip(
            ranking.scores.tolist(), ranking.starts.tolist(), ends, strict=False
        )
    ]


def _with_heads(best: list[_Found], moment: Moment, near: float | None) -> list[_Found]:
    """The same, each naming the better one that it is a copy of."""
    from edgepatent_runtime.search.copies import heads

    if len(best) < 2:
        return best
    rows = np.concatenate([one.rows for one in best])
    starts = np.cumsum([0, *(len(one.rows) for one in best[:-1])])
    records = [one.facts[int(one.rows[0])].record for one in best]
    return [
        one if head is None else msgspec.structs.replace(one, like=best[head].patent_id)
        for one, head in zip(
            best, heads(records, moment.embeddings(rows), starts, near), strict=True
        )
    ]


def _rank(moment: Moment, scope: Scope, asked: Views, count: int, top: int) -> "_Ranking":
    """The patents of ``count`` candidates a view, each scored over all of its drawings.

    The ranking is complete where more candidates could not change the first ``top``, by the
    threshold of Fagin, Lotem and Naor ("Optimal aggregation algorithms for middleware", 2001):
    a patent without a candidate scores at most the mean of the views' last candidates.
    """
    candidates: list[Rows] = []
    threshold = 0.0
    exhausted = True
    for query, share in zip(asked.queries, asked.shares, strict=True):
        rows, scores, complete = scope.nearest(query, count)
        exhausted = exhausted and complete
        threshold += float(scores.min(initial=1.0)) * float(share)
        candidates.append(rows)
    patents, rows = scope.siblings(distinct(np.concatenate(candidates)))
    scores = moment.scores(asked.queries, rows)
    starts = np.flatnonzero(np.diff(patents, prepend=-1))
    if not len(starts):
        return _Ranking(rows, scores, starts, np.zeros(0, np.float32), exhausted)
    means = asked.shares @ np.maximum.reduceat(scores, starts, axis=1)
    if asked.unlike is not None:
        # It only takes away: the threshold holds as it is.
        alike = np.maximum.reduceat(moment.scores(asked.unlike, rows), starts, axis=1)
        means -= UNLIKE * alike.max(axis=0).clip(0)
    enough = len(means) >= top and np.partition(means, -top)[-top] >= threshold
    return _Ranking(rows, scores, starts, means, exhausted or bool(enough))


class _Ranking(msgspec.Struct, frozen=True):
    """Patents with a score each; the rows [N] of each follow each other from ``starts`` on."""

    rows: Rows
    scores: Floats
    starts: Rows
    means: Floats
    complete: bool

    def first(self, top: int) -> Ranked:
        """The best patents in order, ties as they came."""
        ends = np.append(self.starts[1:], len(self.rows))
        order = np.lexsort((self.rows[self.starts], -self.means))[:top]
        parts = [np.arange(self.starts[one], ends[one]) for one in order.tolist()]
        places = np.concatenate([np.zeros(0, np.int64), *parts])
        lengths = [len(part) for part in parts]
        return Ranked(
            self.means[order],
            np.cumsum([0, *lengths], dtype=np.int64)[: len(parts)],
            self.rows[places],
            self.scores[:, places].max(axis=0, initial=-np.inf),
            -np.sort(-self.means)[:FIELD],
            {},
        )
