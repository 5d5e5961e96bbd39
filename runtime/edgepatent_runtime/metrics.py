"""Retrieval scores in plain numpy, so that a device can score itself.

Every drawing is a query against all others, ranked by inner product, ties by row. Three levels:

- patent: the other drawings of the query's patent are relevant;
- subclass, class: the query's own patent is left out of the ranking, and drawings that share the
  label are relevant. At class level those of the same subclass count too. An unknown label
  (None) matches nothing, not even another unknown one.

A query with nothing relevant at a level is not counted there. recall@k is the share of queries
with at least one relevant drawing among the first k (the hit rate, as retrieval papers use it).
"""

from collections.abc import Sequence
from typing import Literal

import msgspec
import numpy as np
import numpy.typing as npt

from edgepatent_runtime.errors import InputError

LevelName = Literal["patent", "subclass", "class"]
LEVELS: tuple[LevelName, ...] = ("patent", "subclass", "class")
WHY_NONE: dict[LevelName, str] = {
    "patent": "no drawing has another of its patent",
    "subclass": "no drawing has one of another patent in its subclass, or no subclass is known",
    "class": "no drawing has one of another patent in its class, or no class is known",
}
"""Why a level has no scores."""
GAINS = {"patent": 3.0, "subclass": 2.0, "class": 1.0}
CUTOFF = 10
# Ranked at once: 2^22 pairs take some 100 MB with their sort keys.
BLOCK_PAIRS = 1 << 22

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

_MEASURES = ("map", "recall_1", "recall_5", "recall_10", "precision_10", "mrr")


class Level(
    msgspec.Struct,
    frozen=True,
    rename={
        "map": "mAP",
        "recall_1": "recall@1",
        "recall_5": "recall@5",
        "recall_10": "recall@10",
        "precision_10": "precision@10",
        "map_interval": "mAP_interval",
    },
):
    """Scores at one level, each between 0 and 1; NaN (null in JSON) where no query counts.

    ``map_interval`` is the 95 % bootstrap interval of ``map`` over patents.
    """

    queries: int
    map: float
    recall_1: float
    recall_5: float
    recall_10: float
    precision_10: float
    mrr: float
    map_interval: tuple[float, float]


class Scores(msgspec.Struct, frozen=True, rename={"ndcg_10": "ndcg@10"}):
    """What ``edgepatent evaluate --json`` prints.

    ``levels`` averages over queries, ``macro`` over the queries of each patent first, so that a
    patent with a hundred drawings weighs no more than one with five. ``ndcg_10`` ranks all other
    drawings, with linear gains 3, 2, 1 for the same patent, subclass, class.
    """

    drawings: int
    patents: int
    levels: dict[LevelName, Level]
    macro: dict[LevelName, Level]
    ndcg_10: float


class QueryScores(msgspec.Struct, frozen=True):
    """Scores of every single query, before any average.

    ``patent`` [N] numbers the patents; ``measures[level][name]`` [N] holds one measure (names as
    in `Level`), NaN for queries that do not count there; ``ndcg_10`` [N] likewise.
    """

    patent: Codes
    measures: dict[LevelName, dict[str, Floats]]
    ndcg_10: Floats


def evaluate(
    embeddings: npt.NDArray[np.float32],
    patents: Sequence[str],
    subclasses: Sequence[str | None],
    classes: Sequence[str | None],
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> Scores:
    """Score unit-length embeddings [N, D] float32 against labels of length N.

    Raises `InputError` as `score_queries` does.
    """
    queries = score_queries(embeddings, patents, subclasses, classes)
    return summarise(queries, resamples=resamples, seed=seed)


def score_queries(
    embeddings: npt.NDArray[np.float32],
    patents: Sequence[str],
    subclasses: Sequence[str | None],
    classes: Sequence[str | None],
) -> QueryScores:
    """Score every drawing as a query against all others.

    Embeddings [N, D] float32 of unit length; labels of length N. Time grows with N² (3 s for
    6,000 drawings of 256 dimensions on one core, 30 s for 20,000), memory with N.

    Raises `InputError` where lengths differ, an embedding is not finite, or N < 2.
    """
    count = len(embeddings)
    if embeddings.ndim != 2 or not len(patents) == len(subclasses) == len(classes) == count:
        raise InputError(
            f"embeddings {list(embeddings.shape)} do not fit {len(patents)} patents, "
            f"{len(subclasses)} subclasses and {len(classes)} classes"
        )
    if count < 2:
        raise InputError(f"retrieval needs at least two drawings to score, got {count}")
    embeddings = np.ascontiguousarray(embeddings, np.float32)
    if not np.isfinite(embeddings).all():
        raise InputError("some embeddings are not finite: the model is broken, make it again")

    patent, subclass, klass = (_codes(labels) for labels in (patents, subclasses, classes))
    measures: dict[LevelName, dict[str, Floats]] = {
        level: {name: np.full(count, np.nan) for name in _MEASURES} for level in LEVELS
    }
    ndcg = np.full(count, np.nan)
    block = max(1, BLOCK_PAIRS // count)
    for start in range(0, count, block):
        order = rank(embeddings, start, min(start + block, count))
        for query, row in enumerate(order, start):
            own = patent[row] == patent[query]
            near = (subclass[row] == subclass[query]) & (subclass[query] >= 0)
            kin = ((klass[row] == klass[query]) & (klass[query] >= 0)) | near
            own_places = np.flatnonzero(own)
            for level, relevant in (("patent", own), ("subclass", near), ("class", kin)):
                if level == "patent":
                    places = own_places
                else:
                    places = np.flatnonzero(relevant & ~own)
                    places = places - np.searchsorted(own_places, places)
                if len(places):
                    for name, value in _measure(places).items():
                        measures[level][name][query] = value  # type: ignore[index]
            gains = np.maximum.reduce(
                [GAINS["patent"] * own, GAINS["subclass"] * near, GAINS["class"] * kin]
            )
            ndcg[query] = _ndcg(gains)
    return QueryScores(patent, measures, ndcg)


def summarise(queries: QueryScores, *, resamples: int = 1000, seed: int = 0) -> Scores:
    """Average the scores of single queries, over queries and over patents first."""
    levels: dict[LevelName, Level] = {}
    macro: dict[LevelName, Level] = {}
    for level, measures in queries.measures.items():
        counted = ~np.isnan(measures["map"])
        patent = queries.patent[counted]
        sums = {name: _per_patent(patent, values[counted]) for name, values in measures.items()}
        sizes = _per_patent(patent, np.ones(len(patent)))
        means = {name: total / sizes for name, total in sums.items()}
        ones = np.ones(len(sizes))
        for target, values, weights in ((levels, sums, sizes), (macro, means, ones)):
            target[level] = Level(
                queries=int(counted.sum()),
                **{name: _ratio(total.sum(), weights.sum()) for name, total in values.items()},
                map_interval=_interval(_bootstrap(values["map"], weights, resamples, seed)),
            )
    counted = ~np.isnan(queries.ndcg_10)
    return Scores(
        drawings=len(queries.patent),
        patents=int(queries.patent.max()) + 1,
        levels=levels,
        macro=macro,
        ndcg_10=_ratio(queries.ndcg_10[counted].sum(), float(counted.sum())),
    )


def paired_interval(
    first: QueryScores,
    second: QueryScores,
    *,
    level: LevelName = "patent",
    measure: str = "map",
    resamples: int = 1000,
    seed: int = 0,
) -> tuple[float, float]:
    """The 95 % bootstrap interval of ``second`` − ``first``, averaged over queries.

    Both score the same drawings in the same order. Whole patents are drawn, the same ones for
    both, so that what is hard for both cancels out (paired cluster bootstrap: Efron & Tibshirani,
    An Introduction to the Bootstrap, 1993, ch. 8). Raises `InputError` for different drawings.
    """
    a, b = first.measures[level][measure], second.measures[level][measure]
    if not np.array_equal(first.patent, second.patent) or (np.isnan(a) != np.isnan(b)).any():
        raise InputError("the two evaluations to compare were made on different drawings")
    counted = ~np.isnan(a)
    patent = first.patent[counted]
    sums = _per_patent(patent, (b - a)[counted])
    sizes = _per_patent(patent, np.ones(len(patent)))
    return _interval(_bootstrap(sums, sizes, resamples, seed))


def interval(
    patent: Codes, values: Floats, *, resamples: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """The 95 % bootstrap interval over patents of the mean of ``values`` [N], one a query.

    ``patent`` [N] numbers the patents of the queries.
    """
    sums, sizes = _per_patent(patent, values), _per_patent(patent, np.ones(len(values)))
    return _interval(_bootstrap(sums, sizes, resamples, seed))


def rank(embeddings: npt.NDArray[np.float32], start: int, stop: int) -> Codes:
    """Rank all others for the queries ``start:stop``: rows [Q, N-1], best first, ties by row."""
    count = len(embeddings)
    # Adding zero turns -0.0 into 0.0, whose bits differ although they are equal.
    scores = embeddings[start:stop] @ embeddings.T + np.float32(0)
    bits = scores.view(np.uint32)
    # Flip the bits of a float so that unsigned integers sort in descending order of the floats;
    # with the row below them one fast unstable sort gives what a slow stable one would.
    descending = np.where(bits >> 31, bits, ~(bits | np.uint32(1 << 31)))
    keys = (descending.astype(np.uint64) << np.uint64(32)) | np.arange(count, dtype=np.uint64)
    queries = np.arange(start, stop)
    keys[queries - start, queries] = np.iinfo(np.uint64).max
    keys.sort(axis=1)
    order: Codes = (keys[:, :-1] & np.uint64(0xFFFFFFFF)).astype(np.int64)
    return order


def _measure(places: Codes) -> dict[str, float]:
    """Scores of one query from the places (from 0, ascending) of its relevant drawings."""
    found = np.arange(1, len(places) + 1)
    first = int(places[0])
    return {
        "map": float(np.mean(found / (places + 1))),
        "recall_1": float(first < 1),
        "recall_5": float(first < 5),
        "recall_10": float(first < 10),
        "precision_10": float(np.searchsorted(places, CUTOFF)) / CUTOFF,
        "mrr": 1 / (first + 1),
    }


def _ndcg(gains: Floats) -> float:
    """nDCG@10 with linear gains, given in ranked order; NaN where nothing is relevant.

    Järvelin & Kekäläinen, Cumulated gain-based evaluation of IR techniques, 2002.
    """
    counts = [int((gains == gain).sum()) for gain in sorted(GAINS.values(), reverse=True)]
    ideal = np.repeat(sorted(GAINS.values(), reverse=True), counts)[:CUTOFF]
    if not len(ideal):
        return float("nan")
    discounts = 1 / np.log2(np.arange(2, CUTOFF + 2))
    found = gains[:CUTOFF]
    return float(found @ discounts[: len(found)]) / float(ideal @ discounts[: len(ideal)])


def _codes(labels: Sequence[str | None]) -> Codes:
    """Number the labels in order of appearance; None is −1."""
    numbers: dict[str, int] = {}
    return np.array(
        [-1 if label is None else numbers.setdefault(label, len(numbers)) for label in labels],
        np.int64,
    )


def _per_patent(patent: Codes, values: Floats) -> Floats:
    """Sum ``values`` per patent, for those patents that occur."""
    _, inverse = np.unique(patent, return_inverse=True)
    sums: Floats = np.bincount(inverse, weights=values).astype(np.float64)
    return sums


def _ratio(total: float, weight: float) -> float:
    return float(total) / float(weight) if weight else float("nan")


def _bootstrap(sums: Floats, weights: Floats, resamples: int, seed: int) -> Floats:
    """Σ sums / Σ weights over patents drawn with replacement, ``resamples`` times."""
    patents = len(sums)
    random = np.random.default_rng(seed)
    ratios = np.full(resamples if patents else 0, np.nan)
    for number in range(len(ratios)):
        drawn = random.integers(patents, size=patents)
        ratios[number] = sums[drawn].sum() / weights[drawn].sum()
    return ratios


def _interval(values: Floats) -> tuple[float, float]:
    """The central 95 % of ``values``; NaN where there are none."""
    if not len(values):
        return float("nan"), float("nan")
    low, high = np.percentile(values, (2.5, 97.5))
    return float(low), float(high)
