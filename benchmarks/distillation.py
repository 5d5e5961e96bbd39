"""What a teacher is worth to a small student: same batches, same budget, with and without.

    python benchmarks/distillation.py run --work DIR --backbone RUN [--shared ../shared]
    python benchmarks/distillation.py line --work DIR
    python benchmarks/distillation.py report --work DIR [--out benchmarks/distillation.md]

``run`` does one cell after the other until the minutes are over; started again it goes on with
the cells that are missing, and a cell that was cut short goes on from its checkpoint. The steps:

1. *Teachers*, with ImageNet weights and at twice the students' size: tf_efficientnet_lite0, frozen
   or tuned (RUN: WORK/backbone of recipes/starter.sh, which saw other synthetic designs), under a
   head that is fitted in closed form on the training drawings (`model.head = "discriminative"`),
   and tf_mobilenetv3_small_100 trained on them; alone and in pairs.
2. *Search*, seed 0, all labels: each student without teacher at every learning rate; then the
   cheaper student, at its best rate, with each teacher of `TRIED`. Chosen is the one with whose
   help it has the best patent mAP on validation designs; the teacher's own does not tell.
3. *Comparison*: each student with and without teacher, with all labels and with half of the
   patents unlabelled, every seed.

Students start from random weights. An *unlabelled* drawing has no Locarno code and nothing says
which other drawings are of its patent. Teachers of half-labelled data have the labels that are
left. Training, validation and test designs are synthetic, of different seeds; the real
sheets are only ever tested on.

``line`` takes each student's best run with a teacher through ``export --int8`` and scores the
bundles on the test drawings.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
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
    mean_ap,
    mean_scores,
    open_plan,
    run_cells,
    save_scores,
    score,
    score_embeddings,
    show,
    shown,
)

from edgepatent_runtime.bundle import Bundle
from edgepatent_runtime.encoder import Encoder
from edgepatent_runtime.metrics import QueryScores
from edgepatent_runtime.record import Record, Skipped
from edgepatent_train.cache import code_digest
from edgepatent_train.data import DrawingSet, drawing_set, read_records
from edgepatent_train.recipe import Recipe
from edgepatent_train.recipe_file import load_recipe, parse_recipe
from edgepatent_train.teacher import teach
from edgepatent_train.trainer import train

STUDENTS = ("mobilenetv4_conv_small", "mobilevit_xxs")  # the cheaper one first
LABELS = ("all", "half")
TUNED = "lite0 tuned"
# Backbone, head and optimizer of each network that teaches.
NETWORKS: dict[str, tuple[str, str, dict[str, object]]] = {
    "lite0 frozen": ("tf_efficientnet_lite0", "discriminative", {"epochs": 0}),
    TUNED: ("tf_efficientnet_lite0", "discriminative", {"epochs": 0}),
    "mobilenetv3 trained": (
        "tf_mobilenetv3_small_100",
        "whitened",
        {"lr": 1e-3, "backbone_lr": 0.5},
    ),
}
TEACHERS: dict[str, tuple[str, ...]] = {
    "frozen": ("lite0 frozen",),
    "tuned": (TUNED,),
    "trained": ("mobilenetv3 trained",),
    "frozen+trained": ("lite0 frozen", "mobilenetv3 trained"),
    "tuned+trained": (TUNED, "mobilenetv3 trained"),
}
TRIED = ("tuned", "frozen+trained")
ALONE = "alone"  # without teacher
LESSON = {"regression": 10.0, "relation": 0.0}
LOSS = {"name": "hierarchical", "scores": (1.0, 0.1, 0.02), "tau": 0.1}
# From random weights many small steps are worth more than few large ones.
BATCHES = {
    "student": {"classes": 2, "subclasses": 2, "patents": 2, "views": 2},
    "teacher": {"classes": 4, "subclasses": 2, "patents": 4, "views": 2},
}
TESTS = ("synthetic", "sheets")
PRECISIONS = ("fp32", "int8")


@dataclass(frozen=True)
class Plan:
    """How large the benchmark is; written into the work folder and never changed there."""

    size: int
    steps: int
    teacher_steps: int
    designs: int
    views: int
    validation_designs: int
    test_designs: int
    rates: tuple[float, ...]
    seeds: int
    code: str


@dataclass(frozen=True)
class Fitted:
    """A network that teaches, made of the training drawings with ``labels``."""

    network: str
    labels: str

    @property
    def name(self) -> str:
        """The name of its folder."""
        return f"teacher {self.network} {self.labels}".replace(" ", "-")


@dataclass(frozen=True)
class Cell:
    """One training of a student. ``told`` is the teacher, or `ALONE`."""

    student: str
    labels: str
    told: str
    rate: float
    seed: int

    @property
    def name(self) -> str:
        """The name of its folder."""
        return f"{self.student}-{self.labels}-{self.told}-lr{self.rate:g}-seed{self.seed}"


class Bench(RecordSets):
    """The cells of a plan, trained and reported."""

    def __init__(self, work: Path, shared: Path, plan: Plan, backbone: Path | None) -> None:
        super().__init__()
        self.work, self.shared, self.plan, self.backbone = work, shared, plan, backbone

    # data

    def _read(self, name: str) -> list[Record]:
        if name == "half":
            return without_half(self.records("all"))
        if name == "sheets":
            return read_records([str(self.shared / "data/uspto-sheets")], Skipped())
        return read_records([self.spec(name)], Skipped())

    def spec(self, name: str) -> str:
        """What synthetic designs a set consists of."""
        plan = self.plan
        seed, designs = {
            "all": (2001, plan.designs),
            "validation": (2002, plan.validation_designs),
            "synthetic": (2003, plan.test_designs),
            "calibration": (2004, 100),
        }[name]
        return f"synthetic:designs={designs},seed={seed},views={plan.views}"

    def drawings(self, name: str, size: int = 0) -> DrawingSet:
        """A set of drawings at ``size`` pixels, by default the students'."""
        return drawing_set(self.records(name), size or self.plan.size, Skipped(), show)

    # cells

    def recipe(self, cell: Cell | Fitted) -> Recipe:
        """The recipe of a cell."""
        optimizer: dict[str, object] = {"epochs": 1, "epoch_steps": self.plan.steps, "ema": 0.98}
        distill: dict[str, object] = {}
        if isinstance(cell, Fitted):
            backbone, head, changes = NETWORKS[cell.network]
            (weights,) = (self.shared / "weights").glob(f"{backbone}.*")
            model: dict[str, object] = {"backbone": backbone, "weights": str(weights)}
            if cell.network == TUNED:
                if self.backbone is None:
                    raise SystemExit("say with --backbone which run the tuned teacher is")
                model["weights"] = str(self.backbone)
                model["taps"] = load_recipe("recipes/starter-backbone.toml").model.taps
            model |= {"head": head, "size": 2 * self.plan.size}
            optimizer["epoch_steps"] = self.plan.teacher_steps
            optimizer |= changes
        else:
            model = {"backbone": cell.student, "size": self.plan.size, "head": "whitened"}
            optimizer |= {"lr": cell.rate, "backbone_lr": 1.0}
            distill = self.lesson(cell)
        return parse_recipe(
            {
                "model": model,
                "loss": LOSS,
                "sampler": BATCHES["teacher" if isinstance(cell, Fitted) else "student"],
                "distill": distill,
                "optimizer": optimizer,
                "evaluation": {"holdout": 0.0, "keep": "last"},
                "seed": 0 if isinstance(cell, Fitted) else cell.seed,
            },
            cell.name,
        )

    def lesson(self, cell: Cell) -> dict[str, object]:
        """What the recipe of a student says of its teacher."""
        if cell.told == ALONE:
            return {}
        return {"teachers": self.runs(TEACHERS[cell.told], cell.labels), **LESSON}

    def done(self, cell: Cell | Fitted) -> bool:
        """Whether the cell has been trained and scored."""
        return (self.work / cell.name / "validation.npz").exists()

    def train(self, cell: Cell | Fitted) -> None:
        """Train one cell, score it on all sets, keep the scores of each query."""
        out = self.work / cell.name
        run = train(
            self.recipe(cell),
            self.records(cell.labels),
            out,
            resume=(out / "recipe.toml").exists(),
            progress=show,
            notify=lambda line: print(f"  {line}", flush=True),
        )
        for name in (*TESTS, "validation"):
            drawings = self.drawings(name, run.recipe.model.size)
            save_scores(out / f"{name}.npz", score(run.model(), drawings))

    # choices, all of them by the patent mAP on validation designs

    def scores(self, cell: Cell | Fitted, test: str) -> QueryScores:
        """The scores of one cell on one set of drawings."""
        return load_scores(self.work / cell.name / f"{test}.npz")

    def validation(self, cell: Cell) -> float:
        """What choices go by."""
        return mean_ap(self.scores(cell, "validation"), "patent")

    def runs(self, networks: Sequence[str], labels: str) -> list[str]:
        """The run folders of a teacher's networks."""
        return [str(self.work / Fitted(network, labels).name) for network in networks]

    def teacher_scores(self, networks: Sequence[str], labels: str, test: str) -> QueryScores:
        """The scores of a teacher of one or several networks, as a student hears it."""
        if len(networks) == 1:
            return self.scores(Fitted(networks[0], labels), test)
        file = self.work / f"teacher-{'+'.join(networks)}-{labels}-{test}.npz"
        if not file.exists():
            drawings = self.drawings(test)
            told = teach(self.runs(networks, labels), drawings, show)
            save_scores(file, score_embeddings(told, drawings.records))
        return load_scores(file)

    def alone(self, student: str) -> list[Cell]:
        """The search of a student's learning rate."""
        return [Cell(student, "all", ALONE, rate, 0) for rate in self.plan.rates]

    def rate(self, student: str) -> float:
        """The student's learning rate."""
        return max(self.alone(student), key=self.validation).rate

    def tried(self) -> list[Cell]:
        """The search of the teacher."""
        student = STUDENTS[0]
        return [Cell(student, "all", told, self.rate(student), 0) for told in TRIED]

    def chosen(self) -> str:
        """The teacher of the comparison."""
        return max(self.tried(), key=self.validation).told

    def compared(self, student: str, labels: str, told: str) -> list[Cell]:
        """The cells of every seed."""
        rate = self.rate(student)
        return [Cell(student, labels, told, rate, seed) for seed in range(self.plan.seeds)]

    def cells(self) -> Iterator[Cell | Fitted]:
        """All cells in the order of work; later ones need the results of earlier ones."""
        for network in NETWORKS:
            yield Fitted(network, "all")
        for student in STUDENTS:
            yield from self.alone(student)
            yield from self.tried()
            for labels in LABELS:
                for network in TEACHERS[self.chosen()]:
                    yield Fitted(network, labels)
                for seed in range(self.plan.seeds):
                    for told in (ALONE, self.chosen()):
                        yield self.compared(student, labels, told)[seed]

    # the whole line

    def line(self) -> None:
        """Export the first taught run of each student, FP32 and INT8, and score the bundles."""
        for student in self.searched():
            run = self.work / self.compared(student, "all", self.chosen())[0].name
            for precision in PRECISIONS:
                bundle = self.work / f"bundle-{student}-{precision}"
                if not bundle.exists():
                    command = [sys.executable, "-m", "edgepatent", "export", run, "--out", bundle]
                    command += ["--data", self.spec("calibration")]
                    if precision == "int8":
                        command += ["--int8", "--keep-going", "--evaluate", self.spec("validation")]
                    subprocess.run([str(word) for word in command], check=True)
                encoder = Encoder(Bundle(bundle))
                for test in TESTS:
                    drawings = self.drawings(test)
                    pixels = drawings.pixels(np.arange(len(drawings)))[:, None]
                    scores = score_embeddings(encoder.encode(pixels), drawings.records)
                    save_scores(self.bundle_scores(student, precision, test), scores)

    def bundle_scores(self, student: str, precision: str, test: str) -> Path:
        """Where the scores of a bundle lie."""
        return self.work / f"bundle-{student}-{precision}-{test}.npz"

    # report

    def report(self) -> str:
        """All tables as Markdown."""
        plan = json.dumps(msgspec.to_builtins(self.plan))
        lines = [
            "# What a teacher is worth",
            "",
            "Made by `python benchmarks/distillation.py`; what it does is said in its first lines.",
            "",
            f"Plan: `{plan}`",
            "",
            f"Loss: {LOSS}; batches: {BATCHES}. mAP in points with 95 % intervals (bootstrap over "
            "patents of scores averaged over seeds); Δ is the paired difference.",
            *self._teachers(),
            *self._search(),
        ]
        for test in TESTS:
            lines += self._comparison(test)
        return "\n".join(lines + self._line()) + "\n"

    def searched(self) -> list[str]:
        """The students whose search has been done."""
        return [s for s in STUDENTS if all(self.done(cell) for cell in self.alone(s))]

    def _teachers(self) -> list[str]:
        lines = _table("Teachers", "teacher", "labels", "validation", *TESTS)
        for labels in LABELS:
            for name, networks in TEACHERS.items():
                if not all(self.done(Fitted(network, labels)) for network in networks):
                    continue
                sets = ("validation", *TESTS)
                found = [shown(self.teacher_scores(networks, labels, s), "patent") for s in sets]
                lines.append(_row(f"{name}: {' + '.join(networks)}", labels, *found))
        return lines

    def _search(self) -> list[str]:
        lines = _table(
            "Search: patent mAP on validation designs, seed 0", "student", "told", "rate", "mAP"
        )
        for student in self.searched():
            found = [cell for cell in self.tried() if cell.student == student]
            for cell in (*self.alone(student), *found):
                value = f"{100 * self.validation(cell):.1f}"
                lines.append(_row(student, cell.told, f"{cell.rate:g}", value))
        return lines

    def _comparison(self, test: str) -> list[str]:
        columns = [column for level in LEVELS for column in (f"{level} mAP", "Δ")]
        lines = _table(f"With and without: {test}", "student", "labels", "told", "seeds", *columns)
        for student in self.searched():
            for labels in LABELS:
                alone = None
                for told in (ALONE, *TRIED):
                    cells = [c for c in self.compared(student, labels, told) if self.done(c)]
                    if not cells:
                        continue
                    mean = mean_scores([self.scores(cell, test) for cell in cells])
                    alone = alone or mean
                    found = []
                    for level in LEVELS:
                        gain = "" if told == ALONE else ahead(mean, alone, level)
                        found += [shown(mean, level), gain]
                    lines.append(_row(student, labels, told, str(len(cells)), *found))
        return lines

    def _line(self) -> list[str]:
        lines = _table(
            "The whole line, seed 0: patent mAP, and Δ to the step before",
            "step", "bytes", "ms", *(column for test in TESTS for column in (test, "Δ")),
        )  # fmt: skip
        for student in self.searched():
            first = self.bundle_scores(student, PRECISIONS[-1], TESTS[-1])
            if not first.exists():
                continue
            certificate = Bundle(self.work / f"bundle-{student}-int8").info.certificate or {}
            networks = TEACHERS[self.chosen()]
            taught = self.compared(student, "all", self.chosen())[0]
            alone = self.compared(student, "all", ALONE)[0]
            steps = {
                f"teacher {self.chosen()}": {
                    test: self.teacher_scores(networks, "all", test) for test in TESTS
                },
                f"{student} alone": {test: self.scores(alone, test) for test in TESTS},
                f"{student} taught": {test: self.scores(taught, test) for test in TESTS},
            }
            for precision in PRECISIONS:
                steps[f"{student} bundle {precision}"] = {
                    test: load_scores(self.bundle_scores(student, precision, test))
                    for test in TESTS
                }
            before: dict[str, QueryScores] = {}
            for name, scores in steps.items():
                side = certificate.get(name.split()[-1], {}) if "bundle" in name else {}
                cells = (
                    [f"{side['bytes']:,}", f"{side['latency_ms']['median']:.2f}"]
                    if side
                    else ["", ""]
                )
                for test in TESTS:
                    cells.append(shown(scores[test], "patent"))
                    cells.append(ahead(scores[test], before[test], "patent") if before else "")
                lines.append(_row(name, *cells))
                before = scores
            if not certificate.get("accepted"):
                lines.append(_row(f"INT8 refused: {'; '.join(certificate['refused'])}"))
        return lines


def without_half(records: list[Record]) -> list[Record]:
    """The same drawings with every second patent unlabelled: each of its drawings is alone."""
    patents = sorted({record.patent_id for record in records})
    unlabelled = set(patents[::2])
    return [
        msgspec.structs.replace(
            record, patent_id=str(record.image), locarno=None, klass=None, subclass=None, title=None
        )
        if record.patent_id in unlabelled
        else record
        for record in records
    ]


def _table(title: str, *columns: str) -> list[str]:
    return ["", f"## {title}", "", _row(*columns), "|---" * len(columns) + "|"]


def _row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    parser = command_line(__file__, __doc__, ["run", "line", "report"])
    parser.add_argument("--backbone", type=Path, help="the run of the tuned backbone")
    parser.add_argument("--minutes", type=float, default=90)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--teacher-steps", type=int, default=200)
    parser.add_argument("--designs", type=int, default=600)
    parser.add_argument("--views", type=int, default=4)
    parser.add_argument("--validation-designs", type=int, default=80)
    parser.add_argument("--test-designs", type=int, default=200)
    parser.add_argument("--rates", type=float, nargs="+", default=[2e-3])
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    plan = Plan(
        size=options.size,
        steps=options.steps,
        teacher_steps=options.teacher_steps,
        designs=options.designs,
        views=options.views,
        validation_designs=options.validation_designs,
        test_designs=options.test_designs,
        rates=tuple(options.rates),
        seeds=options.seeds,
        code=code_digest(),
    )
    bench = Bench(options.work, options.shared, open_plan(options.work, plan), options.backbone)
    if options.what == "report":
        options.out.write_text(bench.report(), "utf-8")
        return
    if bench.plan.code != plan.code:
        raise SystemExit(f"what draws or reads drawings has changed: begin a new {options.work}")
    if options.what == "run":
        run_cells(bench.cells(), bench.done, bench.train, options.minutes)
    else:
        bench.line()


if __name__ == "__main__":
    main()
