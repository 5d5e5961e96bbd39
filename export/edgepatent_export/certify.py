"""FP32 against INT8: scores, neighbours, cosine, speed and size, on drawings not calibrated on."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import onnxruntime

from edgepatent_export.onnx_model import INPUT, OUTPUT
from edgepatent_runtime import metrics
from edgepatent_runtime.collection.vectors import quantise as int8_rows
from edgepatent_runtime.encoder import Drawings, Embeddings, open_session
from edgepatent_runtime.progress import Progress, silent
from edgepatent_runtime.record import Record

NEIGHBOURS = 10
BATCH = 8
ROUNDS = 60
WARM_UP = 5
# Below this INT8 is slower than FP32 by more than measuring can be wrong.
SLOWER = 0.95

Encode = Callable[[Drawings], Embeddings]


class Latency(msgspec.Struct, frozen=True):
    """Milliseconds for one drawing, one thread, on the machine that exported."""

    median: float
    p95: float


class Side(msgspec.Struct, frozen=True):
    """What one of the two models achieves. ``levels`` holds `metrics.Level` by name."""

    levels: dict[metrics.LevelName, metrics.Level]
    latency_ms: Latency
    bytes: int


class Certificate(
    msgspec.Struct, frozen=True, rename={"neighbour_overlap_10": "neighbour_overlap@10"}
):
    """INT8 beside FP32. ``drop`` is mAP(FP32) − mAP(INT8) at each level, between −1 and 1;
    ``drop_interval`` its paired 95 % bootstrap interval over patents.

    ``neighbour_overlap_10`` is the mean share of the ten nearest neighbours that both agree on.
    Scores and neighbours are those of int8 rows, as search compares them. ``evaluation`` says on
    which drawings, ``calibration`` on which ranges were learned, ``kept_float`` which layers stayed
    in float and why, ``refused`` what was not good enough (empty when ``accepted``), ``undecided``
    which drops are larger than allowed and yet may be chance, and how many drawings would tell.
    """

    fp32: Side
    int8: Side
    drop: dict[metrics.LevelName, float]
    drop_interval: dict[metrics.LevelName, tuple[float, float]]
    neighbour_overlap_10: float
    cosine_min: float
    cosine_mean: float
    speedup: float
    accepted: bool
    max_drop: float
    refused: list[str]
    evaluation: dict[str, Any]
    undecided: list[str] = []
    calibration: dict[str, Any] = {}
    kept_float: dict[str, str] = {}
    repairs: list[str] = []


@dataclass(frozen=True)
class Exam:
    """The drawings [N, 1, S, S] that both models are scored on, and what they are."""

    drawings: Drawings
    records: Sequence[Record]
    sources: list[str]


def certify(
    fp32: bytes,
    int8: bytes,
    exam: Exam,
    *,
    max_drop: float,
    fp32_embeddings: Embeddings,
    threads: int = 1,
    progress: Progress = silent,
) -> Certificate:
    """Compare two models, given as ONNX files, on ``exam``.

    ``fp32_embeddings`` [N, D] are those of ``fp32`` on the exam: they do not change while INT8
    is repaired. ``threads`` is how many cores encoding may use; latency is always that of one.
    """
    reference = fp32_embeddings
    embeddings = embed(int8, exam.drawings, threads=threads, progress=progress, task="scoring INT8")
    cosine = (reference * embeddings).sum(1)
    rows = (as_stored(reference), as_stored(embeddings))
    labels = (
        [r.patent_id for r in exam.records],
        [r.subclass for r in exam.records],
        [r.klass for r in exam.records],
    )
    queries = [metrics.score_queries(part, *labels) for part in rows]
    scores = [metrics.summarise(part) for part in queries]
    levels = [level for level in metrics.LEVELS if scores[0].levels[level].queries]
    drop = {level: scores[0].levels[level].map - scores[1].levels[level].map for level in levels}
    # The interval of FP32 − INT8: positive means that INT8 is worse.
    intervals = {
        level: metrics.paired_interval(queries[1], queries[0], level=level) for level in levels
    }
    latencies = interleaved_latency([fp32, int8], exam.drawings[:1])
    speedup = latencies[0].median / latencies[1].median
    refused, undecided = [], []
    for level, value in drop.items():
        if value <= max_drop:
            continue
        low, high = intervals[level]
        told = (
            f"mAP at {level} level drops by {100 * value:.2f} points "
            f"(95 % interval {100 * low:.2f} to {100 * high:.2f}), "
            f"{100 * max_drop:.2f} are allowed"
        )
        # A limit below 0 asks for a gain: what falls short of it has not to be worse than FP32.
        limit = min(max_drop, 0.0)
        if not low <= limit:
            refused.append(told)
        else:
            more = drawings_to_decide(value - limit, value - low, scores[0].drawings)
            undecided.append(f"{told}: that may be chance, some {more:,} more drawings would tell")
    if speedup < SLOWER:
        refused.append(
            f"INT8 takes {latencies[1].median:.1f} ms a drawing, FP32 {latencies[0].median:.1f} ms"
        )
    return Certificate(
        fp32=Side({k: scores[0].levels[k] for k in levels}, latencies[0], len(fp32)),
        int8=Side({k: scores[1].levels[k] for k in levels}, latencies[1], len(int8)),
        drop=drop,
        drop_interval=intervals,
        neighbour_overlap_10=neighbour_overlap(rows[0], rows[1]),
        cosine_min=float(cosine.min()),
        cosine_mean=float(cosine.mean()),
        speedup=speedup,
        accepted=not refused,
        max_drop=max_drop,
        refused=refused,
        undecided=undecided,
        evaluation={
            "sources": exam.sources,
            "drawings": scores[0].drawings,
            "patents": scores[0].patents,
        },
    )


def drawings_to_decide(drop: float, reach: float, drawings: int) -> int:
    """How many drawings more would show a drop of that size, if it is one, to be no chance.

    ``reach`` is how far below it the interval measured on ``drawings`` ends, further than 0. That
    shrinks with the root of their number; rounded up to two digits, since it is a guess.
    """
    more: int = max(1, math.ceil(drawings * ((reach / drop) ** 2 - 1)))
    step: int = 10 ** max(0, len(str(more)) - 2)
    return -(-more // step) * step


def embed(
    model: bytes,
    drawings: Drawings,
    *,
    threads: int = 1,
    progress: Progress = silent,
    task: str = "embedding",
) -> Embeddings:
    """Embeddings [N, D] of ``drawings`` [N, 1, S, S] by an ONNX file."""
    session = open_session(model, threads=threads)
    parts = []
    for start in range(0, len(drawings), BATCH):
        parts.append(run(session, drawings[start : start + BATCH]))
        progress(task, min(start + BATCH, len(drawings)), len(drawings))
    return np.concatenate(parts)


def run(session: onnxruntime.InferenceSession, drawings: Drawings) -> Embeddings:
    """One batch through a session."""
    embeddings: Embeddings = session.run([OUTPUT], {INPUT: np.ascontiguousarray(drawings)})[0]
    return embeddings


def as_stored(embeddings: Embeddings) -> Embeddings:
    """The vectors [N, D] that a collection keeps of ``embeddings``: int8 codes times a scale."""
    rows = int8_rows(embeddings)
    stored: Embeddings = rows["codes"].astype(np.float32) * rows["scale"][:, None]
    return stored


def neighbour_overlap(first: Embeddings, second: Embeddings, k: int = NEIGHBOURS) -> float:
    """Mean share of each drawing's ``k`` nearest others that two sets [N, D] have in common."""
    k = min(k, len(first) - 1)
    shared = 0
    for start in range(0, len(first), 1024):
        stop = min(start + 1024, len(first))
        near = [metrics.rank(part, start, stop)[:, :k] for part in (first, second)]
        shared += sum(len(np.intersect1d(a, b)) for a, b in zip(*near, strict=True))
    return shared / (k * len(first))


def interleaved_latency(
    models: Sequence[bytes], drawing: Drawings, rounds: int = ROUNDS
) -> list[Latency]:
    """How long each model takes for one drawing [1, 1, S, S] on one thread."""
    times = interleaved_times(models, drawing, rounds)
    return [Latency(float(np.median(row)), float(np.percentile(row, 95))) for row in times]


def interleaved_times(
    models: Sequence[bytes],
    drawing: Drawings,
    rounds: int,
    clock: Callable[[], float] = time.perf_counter,
) -> npt.NDArray[np.float64]:
    """Milliseconds [models, rounds] by ``clock`` for one drawing [1, 1, S, S] on one thread.

    The models take turns, so that whatever else the machine does hits all alike.
    """
    sessions = [open_session(model) for model in models]
    for session in sessions:
        for _ in range(WARM_UP):
            run(session, drawing)
    times = np.empty((len(sessions), rounds))
    for turn in range(rounds):
        for place, session in enumerate(sessions):
            start = clock()
            run(session, drawing)
            times[place, turn] = clock() - start
    return 1000 * times
