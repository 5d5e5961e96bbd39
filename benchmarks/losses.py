"""The losses side by side: same backbone, same batches, same budget, each with its own best τ.

    python benchmarks/losses.py run --work DIR [--shared ../shared] [--minutes 95]
    python benchmarks/losses.py report --work DIR [--out benchmarks/losses.md]

``run`` does one cell after the other until the minutes are over; started again it goes on with
the cells that are missing, and a cell that was cut short goes on from its checkpoint. A cell is
one training: (data, loss, τ, seed). First every loss gets every τ with seed 0, and the τ with the
best mean of the three mAPs on *validation* patents (held out of the training data) is its own;
then that τ is trained with the other seeds. Two kinds of training data:

- ``synthetic``: designs of one seed. Some subclasses are left out altogether. Scored on designs
  of another seed: all of them are in the gallery; queries of subclasses that were seen in
  training and queries of unseen ones are counted apart. Also scored on the real sheets.
- ``icons``: four fifths of the objects; scored on the others.

All cells of a kind of data see the same batches for the same seed, since the sampler knows
nothing of the loss.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import torch
from cells import (
    LEVELS,
    RecordSets,
    ahead,
    command_line,
    load_scores,
    mean_scores,
    open_plan,
    run_cells,
    save_scores,
    score,
    show,
    shown,
)

from edgepatent_runtime.metrics import LevelName, QueryScores
from edgepatent_runtime.record import Record, Skipped
from edgepatent_train.cache import code_digest
from edgepatent_train.data import DrawingSet, drawing_set, read_records
from edgepatent_train.recipe import Recipe
from edgepatent_train.recipe_file import parse_recipe
from edgepatent_train.run import Run
from edgepatent_train.split import held_out
from edgepatent_train.trainer import train

# The hierarchical loss with its defaults, and two settings of it that weigh the patent more.
LOSSES: dict[str, dict[str, object]] = {
    "hierarchical": {"name": "hierarchical"},
    "hierarchical-level": {"name": "hierarchical", "normalise": "level"},
    "hierarchical-steep": {"name": "hierarchical", "scores": [1.0, 0.2, 0.05]},
    "infonce": {"name": "infonce"},
    "supcon": {"name": "supcon"},
    "himulcon": {"name": "himulcon"},
}
KINDS = ("synthetic", "icons")
SHOWN = ("frozen", *LOSSES)
# Three views: with two, SupCon on patents and InfoNCE would be the same loss.
BATCH = {"classes": 6, "subclasses": 2, "patents": 2, "views": 3}


@dataclass(frozen=True)
class Plan:
    """How large the benchmark is; written into the work folder and never changed there."""

    backbone: str
    weights: str
    size: int
    steps: int
    designs: int
    views: int
    test_designs: int
    taus: tuple[float, ...]
    seeds: int
    kinds: tuple[str, ...]
    code: str


@dataclass(frozen=True)
class Cell:
    """One training. ``tau`` 0 is the frozen backbone under a whitened head."""

    kind: str
    loss: str
    tau: float
    seed: int

    @property
    def name(self) -> str:
        """The name of its folder."""
        return f"{self.kind}-{self.loss}-tau{self.tau:g}-seed{self.seed}"


class Bench(RecordSets):
    """The cells of a plan, trained and reported."""

    def __init__(self, work: Path, shared: Path, plan: Plan) -> None:
        super().__init__()
        self.work, self.shared, self.plan = work, shared, plan

    # data

    def _read(self, name: str) -> list[Record]:
        plan, skipped = self.plan, Skipped()
        if name == "synthetic-test":
            spec = f"synthetic:designs={plan.test_designs},seed=1002,views={plan.views}"
            return read_records([spec], skipped)
        if name == "synthetic":
            spec = f"synthetic:designs={plan.designs},seed=1001,views={plan.views}"
            unseen = self.unseen()
            return [r for r in read_records([spec], skipped) if r.subclass not in unseen]
        if name == "sheets":
            return read_records([str(self.shared / "data/uspto-sheets")], skipped)
        icons = read_records([str(self.shared / "data/icons")], skipped)
        away = held_out(icons, 0.2, 1003)
        return [r for r in icons if (r.patent_id in away) == (name == "icons-test")]

    def unseen(self) -> set[str]:
        """Every third subclass of a class that has three or more, in the test designs."""
        by_class: dict[str, set[str]] = {}
        for record in self.records("synthetic-test"):
            by_class.setdefault(str(record.klass), set()).add(str(record.subclass))
        return {s for found in by_class.values() for s in sorted(found)[2::3]}

    def drawings(self, name: str) -> DrawingSet:
        """A set of drawings at the plan's size."""
        return drawing_set(self.records(name), self.plan.size, Skipped(), show)

    # cells

    def recipe(self, cell: Cell) -> Recipe:
        """The recipe of a cell: only loss, τ and seed differ."""
        loss = {} if cell.loss == "frozen" else LOSSES[cell.loss] | {"tau": cell.tau}
        return parse_recipe(
            {
                "model": {
                    "backbone": self.plan.backbone,
                    "weights": self.plan.weights,
                    "size": self.plan.size,
                    "head": "whitened",
                },
                "loss": loss,
                "sampler": BATCH,
                "optimizer": {
                    "epochs": 0 if cell.loss == "frozen" else 1,
                    "epoch_steps": self.plan.steps,
                    "lr": 1e-3,
                    "backbone_lr": 0.5,
                    "checkpoint_steps": 50,
                    "ema": 0.97,
                },
                "evaluation": {"keep": "last"},
                "seed": cell.seed,
            },
            cell.name,
        )

    def done(self, cell: Cell) -> bool:
        """Whether the cell has been trained and scored."""
        return (self.work / cell.name / "validation.json").exists()

    def train(self, cell: Cell) -> None:
        """Train one cell, score it on every test set of its kind, keep the scores of each query."""
        out = self.work / cell.name
        resume = (out / "recipe.toml").exists()
        run = train(
            self.recipe(cell),
            self.records(cell.kind),
            out,
            resume=resume,
            progress=show,
            notify=lambda line: print(f"  {line}", flush=True),
        )
        model = run.model()
        tests = ("synthetic-test", "sheets") if cell.kind == "synthetic" else ("icons-test",)
        for name in tests:
            save_scores(out / f"{name}.npz", score(model, self.drawings(name)))
        (out / "validation.json").write_text(json.dumps(validation(run)))
        (out / "model.safetensors").unlink()  # the scores are what is wanted; 15 MB a cell

    def best_tau(self, kind: str, loss: str) -> float | None:
        """The τ of the best validation score, or None while some are missing."""
        cells = [Cell(kind, loss, tau, 0) for tau in self.plan.taus]
        if not all(self.done(cell) for cell in cells):
            return None
        scores = [
            json.loads((self.work / cell.name / "validation.json").read_text()) for cell in cells
        ]
        return cells[int(np.argmax(scores))].tau

    def cells(self) -> Iterator[Cell]:
        """All cells in the order of work; those after the search of τ need its results."""
        for kind in self.plan.kinds:
            yield Cell(kind, "frozen", 0.0, 0)
            for tau in self.plan.taus:
                for loss in LOSSES:
                    yield Cell(kind, loss, tau, 0)
        for seed in range(1, self.plan.seeds):
            for kind in self.plan.kinds:
                for loss in LOSSES:
                    best = self.best_tau(kind, loss)
                    assert best is not None
                    yield Cell(kind, loss, best, seed)

    def run(self, minutes: float) -> None:
        """Train missing cells until the next one would take longer than the time that is left."""
        run_cells(self.cells(), self.done, self.train, minutes)

    # report

    def scored(self, kind: str, loss: str, test: str) -> QueryScores | None:
        """The scores of each query, averaged over the seeds that are there."""
        tau = 0.0 if loss == "frozen" else self.best_tau(kind, loss)
        if tau is None:
            return None
        files = [
            self.work / Cell(kind, loss, tau, seed).name / f"{test}.npz"
            for seed in range(self.plan.seeds)
        ]
        found = [load_scores(file) for file in files if file.exists()]
        return mean_scores(found) if found else None

    def seeds(self, kind: str, loss: str) -> int:
        """How many seeds are done at the loss's own τ."""
        tau = 0.0 if loss == "frozen" else self.best_tau(kind, loss)
        cells = (Cell(kind, loss, tau or 0.0, seed) for seed in range(self.plan.seeds))
        return sum(self.done(cell) for cell in cells)

    def settings(self) -> dict[str, object]:
        """The plan, without what belongs to this machine."""
        plan: dict[str, object] = msgspec.to_builtins(self.plan)
        return {**plan, "weights": Path(self.plan.weights).name}

    def report(self) -> str:
        """All tables as Markdown."""
        lines = [
            "# The losses side by side",
            "",
            "Made by `python benchmarks/losses.py`; what it does is said in its first lines.",
            "",
            f"Plan: `{json.dumps(self.settings())}`",
            "",
            f"Batch: {BATCH}; {self.plan.steps} steps. mAP in points with 95 % intervals "
            "(bootstrap over patents of scores averaged over seeds); the columns behind each have "
            "the paired difference from InfoNCE and from SupCon on patents at their own best τ.",
        ]
        for kind in self.plan.kinds:
            tests = ("synthetic-test", "sheets") if kind == "synthetic" else ("icons-test",)
            for test in tests:
                lines += self._table(kind, test, None, f"{kind}: {test}")
                if test == "synthetic-test":
                    unseen = self.unseen()
                    which = np.array([r.subclass in unseen for r in self.records(test)])
                    lines += self._table(kind, test, ~which, f"{kind}: queries of seen subclasses")
                    lines += self._table(kind, test, which, f"{kind}: queries of unseen subclasses")
        return "\n".join(lines) + "\n"

    def _table(self, kind: str, test: str, which: "np.ndarray | None", title: str) -> list[str]:
        columns = " | ".join(f"{level} mAP | − InfoNCE | − SupCon" for level in LEVELS)
        lines = ["", f"## {title}", "", f"| loss | τ | seeds | {columns} |", "|---" * 12 + "|"]
        found = {loss: self.scored(kind, loss, test) for loss in SHOWN}
        there = {loss: restrict(scores, which) for loss, scores in found.items() if scores}
        for loss, scores in there.items():
            tau = "" if loss == "frozen" else f"{self.best_tau(kind, loss):g}"
            cells = [loss, tau, str(self.seeds(kind, loss))]
            for level in LEVELS:
                cells.append(shown(scores, level))
                for other in ("infonce", "supcon"):
                    compared = loss not in ("frozen", other) and other in there
                    cells.append(ahead(scores, there[other], level) if compared else "")
            lines.append("| " + " | ".join(cells) + " |")
        return lines


def validation(run: Run) -> float:
    """The mean of the three mAPs on the patents held out of the training data, at the end."""
    levels = run.summary()["scores"]["levels"]
    found = [levels[level]["mAP"] for level in LEVELS]  # None where no query counts
    return float(np.mean([value for value in found if value is not None]))


def restrict(scores: QueryScores, which: "np.ndarray | None") -> QueryScores:
    """Count only the queries in ``which``; the gallery was all drawings."""
    if which is None:
        return scores
    measures: dict[LevelName, dict[str, np.ndarray]] = {
        level: {"map": np.where(which, scores.measures[level]["map"], np.nan)} for level in LEVELS
    }
    return QueryScores(scores.patent, measures, np.where(which, scores.ndcg_10, np.nan))


def main() -> None:
    parser = command_line(__file__, __doc__, ["run", "report"])
    parser.add_argument("--minutes", type=float, default=95)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--backbone", default="tf_efficientnet_lite0")
    parser.add_argument("--weights", help="default: those of lite0 in SHARED/weights")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--steps", type=int, default=166)
    parser.add_argument("--designs", type=int, default=2000)
    parser.add_argument("--views", type=int, default=4)
    parser.add_argument("--test-designs", type=int, default=500)
    parser.add_argument("--taus", type=float, nargs="+", default=[0.05, 0.1, 0.2])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=KINDS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    weights = options.weights
    if weights is None:
        (weights,) = map(str, (options.shared / "weights").glob("tf_efficientnet_lite0*"))
    plan = Plan(
        backbone=options.backbone,
        weights=weights,
        size=options.size,
        steps=options.steps,
        designs=options.designs,
        views=options.views,
        test_designs=options.test_designs,
        taus=tuple(options.taus),
        seeds=options.seeds,
        kinds=tuple(options.kinds),
        code=code_digest(),
    )
    bench = Bench(options.work, options.shared, open_plan(options.work, plan))
    if options.what == "run":
        if bench.plan.code != plan.code:
            raise SystemExit(
                f"what draws or reads drawings has changed: begin a new {options.work}"
            )
        bench.run(options.minutes)
    else:
        options.out.write_text(bench.report(), "utf-8")


if __name__ == "__main__":
    main()
