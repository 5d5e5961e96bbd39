"""Several models on the same drawings, drawing by drawing: whose differences are no chance."""

from collections.abc import Sequence

import msgspec
import numpy as np

from edgepatent.encoding import Embeddings, Model, encode_unseen
from edgepatent_runtime import metrics
from edgepatent_runtime.progress import Progress
from edgepatent_runtime.record import Record, Skipped

MEASURES = {"map": "mAP", "recall_1": "recall@1", "precision_10": "precision@10"}


class Difference(msgspec.Struct, frozen=True):
    """What a model has more than the first, with its paired 95 % interval over patents."""

    difference: float
    low: float
    high: float

    @property
    def sure(self) -> bool:
        """Whether the interval leaves 0 out."""
        return self.low > 0 or self.high < 0


class Compared(msgspec.Struct, frozen=True):
    """One model. ``seen`` counts the drawings that it was trained on, None where it does not say;
    ``against_first`` is empty for the first, by level and measure for the others."""

    name: str
    size: int
    dimensions: int
    seen: int | None
    scores: metrics.Scores
    against_first: dict[metrics.LevelName, dict[str, Difference]]


class Comparison(msgspec.Struct, frozen=True):
    """What ``edgepatent compare --json`` prints. Each drawing is a query in a gallery of all
    others, ``gallery`` of them."""

    drawings: int
    patents: int
    gallery: int
    models: list[Compared]


def compare(
    models: Sequence[tuple[str, Model]],
    records: Sequence[Record],
    skipped: Skipped,
    progress: Progress,
) -> Comparison:
    """Score named models on the drawings that all of them can read.

    Raises `InputError` where fewer than two can be read.
    """
    encoded: list[tuple[dict[str, int], Embeddings, int]] = []
    for number, (_, model) in enumerate(models):
        # What cannot be read is counted once, not once for each model.
        counted = skipped if number == 0 else Skipped()
        kept, embeddings, seen = encode_unseen(records, model, counted, progress)
        rows = {str(record.image): row for row, record in enumerate(kept)}
        encoded.append((rows, embeddings, int(seen.sum())))
    shared = [r for r in records if all(str(r.image) in rows for rows, _, _ in encoded)]
    labels = (
        [record.patent_id for record in shared],
        [record.subclass for record in shared],
        [record.klass for record in shared],
    )
    queries = [
        metrics.score_queries(
            embeddings[np.array([rows[str(r.image)] for r in shared], np.int64)], *labels
        )
        for rows, embeddings, _ in encoded
    ]
    scores = [metrics.summarise(each) for each in queries]
    return Comparison(
        drawings=len(shared),
        patents=scores[0].patents,
        gallery=len(shared) - 1,
        models=[
            Compared(
                name,
                model.size,
                model.dimensions,
                None if model.seen is None else seen,
                scores[number],
                _against(queries[0], queries[number]) if number else {},
            )
            for number, ((name, model), (_, _, seen)) in enumerate(
                zip(models, encoded, strict=True)
            )
        ],
    )


def _against(
    first: metrics.QueryScores, other: metrics.QueryScores
) -> dict[metrics.LevelName, dict[str, Difference]]:
    found: dict[metrics.LevelName, dict[str, Difference]] = {}
    for level, measures in first.measures.items():
        counted = ~np.isnan(measures["map"])
        if not counted.any():
            continue
        found[level] = {
            name: Difference(
                float((other.measures[level][key] - measures[key])[counted].mean()),
                *metrics.paired_interval(first, other, level=level, measure=key),
            )
            for key, name in MEASURES.items()
        }
    return found
