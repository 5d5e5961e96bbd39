"""What the pictures of a run show, as plain numbers: they are drawn from nothing else.

Written beside the pictures as ``figures.json``, so that a program can read what a person sees.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from edgepatent_runtime import locarno, metrics
from edgepatent_runtime.progress import Progress, silent
from edgepatent_train.curriculum import Curriculum
from edgepatent_train.data import DrawingSet, Ints
from edgepatent_train.embed import Floats, embed_set
from edgepatent_train.model import DrawingEncoder
from edgepatent_train.recipe import Level

JUDGED = 2000  # held-out drawings at most: ranking takes quadratic time
MAPPED = 600
QUERIES = 6
HITS = 5
LABELS = 20  # of a confusion; the rarer ones count as one
REST = "all others"


class Course(msgspec.Struct, frozen=True):
    """mAP at one level by step, with the ends of its 95 % interval; null where nothing counts."""

    steps: list[int]
    map: list[float | None]
    low: list[float | None]
    high: list[float | None]


class Curves(msgspec.Struct, frozen=True):
    """How the training went: what was logged every few steps, and each evaluation."""

    steps: list[int]
    loss: list[float]
    learning_rate: list[float]
    levels: dict[Level, Course]


class Point(msgspec.Struct, frozen=True):
    """A held-out drawing on the map, and the class that colours it."""

    x: float
    y: float
    patent: str
    label: str


class Found(msgspec.Struct, frozen=True):
    """A hit: ``row`` among the judged drawings, how it is related to the query, its score."""

    row: int
    patent: str
    relation: str
    score: float


class Query(msgspec.Struct, frozen=True):
    """A query with its first hits; ``average_precision`` is that of its own patent."""

    row: int
    patent: str
    average_precision: float
    hits: list[Found]


class Confusion(msgspec.Struct, frozen=True):
    """How often the nearest drawing of another patent bears which label.

    ``counts[i][j]``: queries of ``labels[i]`` whose nearest is of ``columns[j]``. ``right`` is the
    share of all whose nearest is of their own; labels that only one patent has cannot be found.
    """

    labels: list[str]
    columns: list[str]
    counts: list[list[int]]
    right: float


class Gathered(msgspec.Struct, frozen=True):
    """All figures of a run. ``views`` says how many patents have so many drawings."""

    curves: Curves
    judged: int
    map: list[Point]
    worst: list[Query]
    best: list[Query]
    confusion: dict[str, Confusion]
    views: dict[str, dict[int, int]]


def gather(
    entries: Sequence[Mapping[str, Any]],
    lessons: Curriculum,
    model: DrawingEncoder,
    progress: Progress = silent,
) -> tuple[Gathered, DrawingSet]:
    """The figures of a run from the lines of its metrics, its drawings and its model.

    Also the held-out drawings that were judged, which `Query.row` and `Found.row` count.
    """
    held = _some_patents(lessons.held, JUDGED)
    embeddings = np.zeros((0, 1), np.float32)
    if len(held):
        embeddings = embed_set(model, held, progress=progress)
    worst, best = _queries(held, embeddings)
    return Gathered(
        curves=_curves(entries),
        judged=len(held),
        map=_map(held, embeddings),
        worst=worst,
        best=best,
        confusion={
            name: found
            for name, labels in (("class", held.klass), ("subclass", held.subclass))
            if (found := _confusion(held, labels, name, embeddings)) is not None
        },
        views={
            name: dict(sorted(Counter(np.bincount(part.patent).tolist()).items()))
            for name, part in (("training", lessons.training), ("held out", lessons.held))
            if len(part)
        },
    ), held


def _some_patents(drawings: DrawingSet, most: int) -> DrawingSet:
    """At most ``most`` drawings, those of whole patents drawn at random."""
    if len(drawings) <= most:
        return drawings
    sizes = np.bincount(drawings.patent)
    order = np.random.default_rng(0).permutation(len(sizes))
    chosen = order[np.cumsum(sizes[order]) <= most]
    return drawings.subset(np.flatnonzero(np.isin(drawings.patent, chosen)))


def _curves(entries: Sequence[Mapping[str, Any]]) -> Curves:
    steps = [entry for entry in entries if "loss" in entry]
    scored = [entry for entry in entries if "evaluation" in entry]

    def course(level: Level) -> Course:
        found = [entry["evaluation"]["levels"][level] for entry in scored]
        return Course(
            steps=[entry["step"] for entry in scored],
            map=[each["mAP"] for each in found],
            low=[each["mAP_interval"][0] for each in found],
            high=[each["mAP_interval"][1] for each in found],
        )

    return Curves(
        steps=[entry["step"] for entry in steps],
        loss=[entry["loss"] for entry in steps],
        learning_rate=[entry["learning_rate"] for entry in steps],
        levels={level: course(level) for level in metrics.LEVELS},
    )


def label_name(code: str | None) -> str:
    """A class or subclass as a person reads it: a Locarno code with the name of its class."""
    if code is None:
        return "unknown"
    name = locarno.name(code[:2]) if code[:2].isdecimal() and len(code) == 2 else None
    return f"{code} {name}" if name else code


def _map(held: DrawingSet, embeddings: Floats) -> list[Point]:
    """A t-SNE of the embeddings (van der Maaten & Hinton 2008), the same every time."""
    if len(held) < 5:
        return []
    from sklearn.manifold import TSNE

    some = _some_patents(held, MAPPED)
    rows = np.flatnonzero(np.isin(held.rows, some.rows))
    method = TSNE(
        init="pca", perplexity=min(30.0, (len(rows) - 1) / 4), metric="euclidean", random_state=0
    )
    places = method.fit_transform(embeddings[rows])
    return [
        Point(
            round(float(x), 3),
            round(float(y), 3),
            held.records[row].patent_id,
            label_name(held.records[row].klass),
        )
        for row, (x, y) in zip(rows, places, strict=True)
    ]


def _queries(held: DrawingSet, embeddings: Floats) -> tuple[list[Query], list[Query]]:
    """The worst and the best queries, one of a patent, with their first hits."""
    if len(held) < 2:
        return [], []
    nothing: list[str | None] = [None] * len(held)
    patents = [record.patent_id for record in held.records]
    scores = metrics.score_queries(embeddings, patents, nothing, nothing).measures["patent"]["map"]
    counted = np.flatnonzero(~np.isnan(scores))
    ordered = counted[np.argsort(scores[counted], kind="stable")]

    def chosen(rows: Ints) -> list[Query]:
        first: dict[str, int] = {}
        for row in rows.tolist():
            first.setdefault(patents[row], row)
        few = list(first.values())[:QUERIES]
        return [_query(held, embeddings, row, float(scores[row])) for row in few]

    worst = chosen(ordered)
    taken = {query.patent for query in worst}
    best = [query for query in chosen(ordered[::-1]) if query.patent not in taken]
    return worst, best


def _query(held: DrawingSet, embeddings: Floats, row: int, score: float) -> Query:
    near = metrics.rank(embeddings, row, row + 1)[0][:HITS]
    return Query(
        row,
        held.records[row].patent_id,
        score,
        [
            Found(
                int(hit),
                held.records[hit].patent_id,
                _relation(held, row, int(hit)),
                float(embeddings[row] @ embeddings[hit]),
            )
            for hit in near
        ],
    )


def _relation(held: DrawingSet, row: int, hit: int) -> str:
    for name, labels in (
        ("same patent", held.patent),
        ("same subclass", held.subclass),
        ("same class", held.klass),
    ):
        if labels[row] == labels[hit] >= 0:
            return name
    return "another class" if held.klass[row] >= 0 and held.klass[hit] >= 0 else "unknown class"


def _confusion(held: DrawingSet, labels: Ints, level: str, embeddings: Floats) -> Confusion | None:
    """None where no label is that of two patents."""
    pairs = np.unique(np.stack([labels, held.patent], 1)[labels >= 0], axis=0)
    shared = np.flatnonzero(np.bincount(pairs[:, 0], minlength=1) > 1) if len(pairs) else pairs
    queries = np.flatnonzero(np.isin(labels, shared))
    if not len(queries):
        return None
    nearest = _nearest_others(held, labels, embeddings)[queries]
    asked = labels[queries]
    common = np.argsort(-np.bincount(asked), kind="stable")[: min(LABELS, len(shared))]
    common = np.sort(common)
    names: npt.NDArray[np.int64] = np.full(labels.max() + 1, len(common))
    names[common] = np.arange(len(common))
    counts = np.zeros((len(common) + 1,) * 2, np.int64)
    np.add.at(counts, (names[asked], names[nearest]), 1)
    texts: dict[int, str | None] = {}
    for label, record in zip(labels.tolist(), held.records, strict=True):
        texts[label] = record.klass if level == "class" else record.subclass
    every = [label_name(texts[label]) for label in common.tolist()] + [REST]
    rows, columns = (np.flatnonzero(counts.sum(axis)) for axis in (1, 0))
    columns = np.union1d(columns, rows)  # so that the diagonal is one
    return Confusion(
        [every[i] for i in rows],
        [every[i] for i in columns],
        counts[np.ix_(rows, columns)].tolist(),
        float((nearest == asked).mean()),
    )


def _nearest_others(held: DrawingSet, labels: Ints, embeddings: Floats) -> Ints:
    """The label of the nearest drawing of another patent whose label is known [N]."""
    found = np.zeros(len(held), np.int64)
    for start in range(0, len(held), 256):
        part = slice(start, start + 256)
        scores = embeddings[part] @ embeddings.T
        scores[held.patent[part][:, None] == held.patent] = -np.inf
        scores[:, labels < 0] = -np.inf
        found[part] = labels[scores.argmax(1)]
    return found
