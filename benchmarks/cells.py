"""What benchmarks of many trainings share: cells done one by one, scores kept of every query.

A plan says how large such a benchmark is; it is written into the work folder when the first cell
is begun and holds from then on. Of each trained cell the average precision of every query is
kept, so that two cells can be compared query by query.
"""

import argparse
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from edgepatent_runtime.metrics import LevelName, QueryScores, paired_interval, score_queries
from edgepatent_runtime.record import Record
from edgepatent_train.data import DrawingSet
from edgepatent_train.embed import embed_set
from edgepatent_train.model import DrawingEncoder

LEVELS: tuple[LevelName, ...] = ("patent", "subclass", "class")
Floats = npt.NDArray[np.float32]


class Named(Protocol):
    """A cell has a name: that of its folder."""

    @property
    def name(self) -> str:
        """The folder's name."""


AnyCell = TypeVar("AnyCell", bound=Named)
AnyPlan = TypeVar("AnyPlan")


class RecordSets(ABC):
    """Sets of drawings by name, each listed once."""

    def __init__(self) -> None:
        self._records: dict[str, list[Record]] = {}

    def records(self, name: str) -> list[Record]:
        """One of the sets of drawings."""
        if name not in self._records:
            self._records[name] = self._read(name)
        return self._records[name]

    @abstractmethod
    def _read(self, name: str) -> list[Record]:
        """List the drawings of a set."""


def command_line(script: str, doc: str | None, stages: Sequence[str]) -> argparse.ArgumentParser:
    """What such benchmarks are all asked: the stage, --work, --shared and --out."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0] if doc else "")
    parser.add_argument("what", choices=stages)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--out", type=Path, default=Path(script).with_suffix(".md"))
    return parser


def run_cells(
    cells: Iterable[AnyCell],
    done: Callable[[AnyCell], bool],
    work: Callable[[AnyCell], None],
    minutes: float,
) -> None:
    """Do what is missing until the next cell would take longer than the time that is left."""
    began = time.monotonic()
    slowest = 0.0
    for cell in cells:
        if done(cell):
            continue
        left = minutes * 60 - (time.monotonic() - began)
        if slowest > left:
            print(f"{left:.0f} s left, a cell takes {slowest:.0f}: start again to go on")
            return
        print(cell.name, flush=True)
        started = time.monotonic()
        work(cell)
        slowest = max(slowest, time.monotonic() - started)
    print("all cells are done")


def open_plan(work: Path, asked: AnyPlan) -> AnyPlan:
    """The plan of the work folder; that of the command line where there is none yet."""
    file = work / "plan.json"
    if not file.exists():
        work.mkdir(parents=True, exist_ok=True)
        file.write_bytes(msgspec.json.encode(asked))
    return msgspec.json.decode(file.read_bytes(), type=type(asked))


def score(model: DrawingEncoder, drawings: DrawingSet) -> QueryScores:
    """Scores of each drawing as a query against all others."""
    return score_embeddings(embed_set(model, drawings, progress=show), drawings.records)


def score_embeddings(embeddings: Floats, records: Iterable[Record]) -> QueryScores:
    """Scores of each drawing, given embeddings [N, D] of unit length."""
    records = list(records)
    return score_queries(
        embeddings,
        [r.patent_id for r in records],
        [r.subclass for r in records],
        [r.klass for r in records],
    )


def unit(rows: Floats) -> Floats:
    """Rows [N, D] taken to length 1."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    normalised: Floats = (rows / np.maximum(lengths, 1e-9)).astype(np.float32)
    return normalised


def save_scores(file: Path, scores: QueryScores) -> None:
    """Write what `load_scores` reads."""
    columns: dict[str, np.ndarray] = {
        f"{level} mAP": scores.measures[level]["map"] for level in LEVELS
    }
    columns |= {"patents": scores.patent, "ndcg": scores.ndcg_10}
    np.savez_compressed(file, allow_pickle=False, **columns)


def load_scores(file: Path) -> QueryScores:
    """The scores of one cell on one set of drawings."""
    with np.load(file) as found:
        return QueryScores(
            found["patents"],
            {level: {"map": found[f"{level} mAP"]} for level in LEVELS},
            found["ndcg"],
        )


def mean_scores(found: list[QueryScores]) -> QueryScores:
    """The same queries, averaged over runs."""
    measures: dict[LevelName, dict[str, np.ndarray]] = {
        level: {
            what: np.mean([s.measures[level][what] for s in found], axis=0)
            for what in found[0].measures[level]
        }
        for level in LEVELS
    }
    ndcg = np.mean([s.ndcg_10 for s in found], axis=0)
    return QueryScores(found[0].patent, measures, ndcg)


def mean_ap(scores: QueryScores, level: LevelName) -> float:
    """The mean over the queries that count."""
    return float(np.nanmean(scores.measures[level]["map"]))


def shown(scores: QueryScores, level: LevelName) -> str:
    """mAP in points with its 95 % interval."""
    low, high = paired_interval(_scaled(scores, 0.0), scores, level=level)
    return f"{100 * mean_ap(scores, level):.1f} [{100 * low:.1f}, {100 * high:.1f}]"


def ahead(mine: QueryScores, other: QueryScores, level: LevelName) -> str:
    """By how many points of mAP ``mine`` is ahead of ``other``, with the paired 95 % interval."""
    low, high = paired_interval(other, mine, level=level)
    gain = mean_ap(mine, level) - mean_ap(other, level)
    return f"{100 * gain:+.1f} [{100 * low:+.1f}, {100 * high:+.1f}]"


def _scaled(scores: QueryScores, factor: float) -> QueryScores:
    """All average precisions times ``factor``: 0 gives what an interval of the mean is taken to."""
    measures: dict[LevelName, dict[str, np.ndarray]] = {
        level: {"map": factor * scores.measures[level]["map"]} for level in LEVELS
    }
    return QueryScores(scores.patent, measures, scores.ndcg_10)


def show(task: str, done: int, total: int | None) -> None:
    """A line now and then."""
    if total and task == "reading drawings" and (done == total or done % 1024 == 0):
        print(f"  {task} {done}/{total}", flush=True)
