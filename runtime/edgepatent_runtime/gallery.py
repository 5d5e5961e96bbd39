"""Scores in galleries other than "all others": larger ones, and those of published protocols.

A score holds for the gallery that it was measured in. With more drawings to be mistaken for, mAP
and recall fall: a published network has an mAP of .376 among 38,000 drawings and .262 among 350,000
(DeepPatent, Kucer et al. 2022).
"""

from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from edgepatent_runtime import metrics
from edgepatent_runtime.errors import InputError

Floats = npt.NDArray[np.float64]
Embeddings = npt.NDArray[np.float32]
# Scores at once: 2^22 take 16 MB, and as much again sorted.
BLOCK_PAIRS = 1 << 22
MEASURES = ("map", "recall_1", "recall_5", "recall_10", "precision_10")


class GalleryPoint(
    msgspec.Struct,
    frozen=True,
    rename={
        "map": "mAP",
        "map_interval": "mAP_interval",
        "recall_1": "recall@1",
        "recall_1_interval": "recall@1_interval",
    },
):
    """Finding the query's own patent among ``gallery`` drawings, ``distractors`` among them.

    ``map_interval`` and ``recall_1_interval`` are 95 % bootstrap intervals over patents.
    """

    gallery: int
    distractors: int
    queries: int
    map: float
    map_interval: tuple[float, float]
    recall_1: float
    recall_1_interval: tuple[float, float]


def gallery_curve(
    embeddings: Embeddings,
    patents: Sequence[str],
    distractors: Embeddings,
    sizes: Sequence[int],
) -> list[GalleryPoint]:
    """Scores at patent level with the first ``sizes`` distractors [M, D] in the gallery.

    Every one of ``embeddings`` [N, D], which ``patents`` belong to, is a query against all others
    and the distractors; the latter are of no patent of theirs. Time grows with N · M. Raises
    `InputError` as `metrics.score_queries` does, and for more distractors than there are.
    """
    if max(sizes, default=0) > len(distractors):
        raise InputError(f"{max(sizes)} distractors were asked for, there are {len(distractors)}")
    nothing: list[str | None] = [None] * len(patents)
    patent = metrics.score_queries(embeddings, patents, nothing, nothing).patent
    places, found = _own_places(embeddings, patent)
    points = []
    above = [np.zeros(len(each), np.int64) for each in places]
    done = 0
    for size in sorted(set(sizes)):
        _count_above(embeddings, distractors[done:size], found, above)
        done = size
        scores = [
            float(np.mean(np.arange(1, len(own) + 1) / (own + more + 1)))
            for own, more in zip(places, above, strict=True)
            if len(own)
        ]
        first = [float(own[0] + more[0] == 0) for own, more in zip(places, above, strict=True)
                 if len(own)]  # fmt: skip
        counted = np.array([len(own) > 0 for own in places])
        points.append(
            GalleryPoint(
                gallery=len(patents) - 1 + size,
                distractors=size,
                queries=int(counted.sum()),
                map=float(np.mean(scores)),
                map_interval=metrics.interval(patent[counted], np.array(scores)),
                recall_1=float(np.mean(first)),
                recall_1_interval=metrics.interval(patent[counted], np.array(first)),
            )
        )
    return points


def _own_places(
    embeddings: Embeddings, patent: npt.NDArray[np.int64]
) -> tuple[list[npt.NDArray[np.int64]], list[Embeddings]]:
    """Of each query the places (from 0) of the drawings of its patent, and their scores."""
    places, scores = [], []
    count = len(embeddings)
    block = max(1, BLOCK_PAIRS // count)
    for start in range(0, count, block):
        for query, row in enumerate(
            metrics.rank(embeddings, start, min(start + block, count)), start
        ):
            own = np.flatnonzero(patent[row] == patent[query])
            places.append(own)
            scores.append(embeddings[row[own]] @ embeddings[query])
    return places, scores


def _count_above(
    embeddings: Embeddings,
    distractors: Embeddings,
    found: Sequence[Embeddings],
    above: Sequence[npt.NDArray[np.int64]],
) -> None:
    """Add to ``above`` how many distractors score higher than each relevant drawing."""
    step = max(1, BLOCK_PAIRS // max(1, len(embeddings)))
    for start in range(0, len(distractors), step):
        scores = np.sort(embeddings @ distractors[start : start + step].T, axis=1)
        for query, own in enumerate(found):
            above[query] += scores.shape[1] - np.searchsorted(scores[query], own, side="right")


def score_split(
    queries: Embeddings,
    gallery: Embeddings,
    asked: Sequence[str | None],
    offered: Sequence[str | None],
    *,
    own: Sequence[int] | None = None,
    depth: int | None = None,
) -> dict[str, Floats]:
    """Scores of every query [Q, D] in a gallery [N, D] of its own: mAP, recall@1, 5, 10, P@10.

    ``asked`` and ``offered`` are their labels; what bears the query's is relevant, None matches
    nothing. ``own`` [Q] says which row of the gallery is the query itself and does not count.
    With ``depth`` only so many hits are looked at: average precision is then the sum of the
    precisions at relevant hits, divided by min(relevant, depth). NaN without anything relevant.
    Raises `InputError` where lengths differ.
    """
    if len(queries) != len(asked) or len(gallery) != len(offered):
        raise InputError(
            f"{len(queries)} queries and {len(gallery)} drawings do not fit the labels"
        )
    numbers: dict[str | None, int] = {}
    labels = np.array([-1 if x is None else numbers.setdefault(x, len(numbers)) for x in offered])
    measures = {name: np.full(len(queries), np.nan) for name in MEASURES}
    step = max(1, BLOCK_PAIRS // max(1, len(gallery)))
    for start in range(0, len(queries), step):
        scores = queries[start : start + step] @ gallery.T
        for row, line in enumerate(scores):
            query = start + row
            label = asked[query]
            relevant = labels == (-2 if label is None else numbers.get(label, -2))
            order = np.argsort(-line, kind="stable")
            if own is not None:
                relevant[own[query]] = False
                order = order[order != own[query]]
            total = int(relevant.sum())
            if total:
                places = np.flatnonzero(relevant[order[:depth]])
                for name, value in _measure(places, min(total, depth or total)).items():
                    measures[name][query] = value
    return measures


def _measure(places: npt.NDArray[np.int64], total: int) -> dict[str, float]:
    """Scores of one query from the places (from 0, ascending) of what was found of ``total``."""
    precisions = np.arange(1, len(places) + 1) / (places + 1)
    first = int(places[0]) if len(places) else len(places) + 10
    return {
        "map": float(precisions.sum()) / total,
        "recall_1": float(first < 1),
        "recall_5": float(first < 5),
        "recall_10": float(first < 10),
        "precision_10": float(np.searchsorted(places, 10)) / 10,
    }
