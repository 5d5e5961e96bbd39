"""What synthetic designs are worth: how near they come to real drawings, what is learnt on them.

    python benchmarks/synthetic.py run --work DIR [--shared ../shared] [--minutes 60]
    python benchmarks/synthetic.py report --work DIR [--out benchmarks/synthetic.md]

``run`` does one cell after the other until the minutes are over; started again it goes on with
what is missing. Everything it computes lies in ``--work``, drawings' features in chunks.

- *Distance*: the same figures drawn in eight styles, each with one more step of realism, beside the
  667 real drawings, in frozen features (tf_efficientnet_lite0 with ImageNet weights, 224 pixels,
  GeM pooling). Half of the designs are procedural, half are meshes.
- *Head*: frozen backbone, and the head that `model.head = "discriminative"` fits on synthetic
  drawings alone in closed form (linear discriminant analysis: `edgepatent_train.whiten`).
- *Tuned*: backbone and head trained from there by `edgepatent_train`, a short while, on the first
  third of the designs.

Both are scored on real drawings that took no part: uspto-sheets and uspto-grants.
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import torch
from cells import Floats, unit
from torch import nn

from edgepatent_runtime.drawing import normalise
from edgepatent_runtime.metrics import QueryScores, paired_interval, score_queries, summarise
from edgepatent_runtime.record import ImageRef, Record, Skipped
from edgepatent_runtime.sources import load, open_source
from edgepatent_synthetic.design import Catalogue
from edgepatent_synthetic.draw import Draw
from edgepatent_synthetic.page import Header, draw_page
from edgepatent_synthetic.pen import Style, plain
from edgepatent_train.model import DrawingEncoder, build_model
from edgepatent_train.recipe import Recipe
from edgepatent_train.recipe_file import parse_recipe
from edgepatent_train.trainer import train
from edgepatent_train.whiten import discriminate

Maker = Callable[[], npt.NDArray[np.uint8]]
SIZE, CHUNK, DIMENSIONS, STYLED = 224, 64, 256, 100
TUNED, STEPS_TUNED = 184, 60
REAL = ("uspto-sheets", "uspto-grants")
KINDS = ("procedural", "meshes", "both")


@dataclass(frozen=True)
class Step:
    """One more step of realism: what it adds, and a style with all steps up to it."""

    name: str
    style: Callable[[Style], Style]
    broken: bool = True
    figures: int = 1


def _thick(style: Style) -> Style:
    return replace(plain(style), outline=2.0, inner=1.0, tangents=False)


def _pen(style: Style) -> Style:
    return replace(plain(style), tangents=False)


def _scanless(style: Style) -> Style:
    return replace(style, skew=0.0, blur=0.0, wobble=0.0, specks=0.0)


STEPS = (
    Step("outlines and creases, thick lines", _thick, broken=False),
    Step("+ pens as thin as real ones", _pen, broken=False),
    Step("+ tangent edges", plain, broken=False),
    Step("+ broken lines for what is not claimed", plain),
    Step("+ shading", lambda s: replace(plain(s), shading=s.shading)),
    Step("+ captions", lambda s: replace(_scanless(s), landscape=False, header=False)),
    Step("+ sheets of one to three figures, headers, landscape", _scanless, figures=3),
    Step("+ scanner", lambda s: s, figures=3),
)


class Bench:
    """All cells and where their results lie."""

    def __init__(self, work: Path, shared: Path, designs: int, deadline: float) -> None:
        self.work, self.shared, self.designs, self.deadline = work, shared, designs, deadline
        work.mkdir(parents=True, exist_ok=True)
        self._frozen: DrawingEncoder | None = None

    # what is drawn

    @property
    def meshes(self) -> str:
        """The mesh folder."""
        return str(self.shared / "data" / "meshes")

    def records(self, name: str) -> list[Record]:
        """Real drawings by the name of their set, synthetic ones by their kind."""
        specs = {
            "procedural": f"synthetic:designs={self.designs},seed=11,views=7,figures=3",
            "meshes": f"meshes:{self.meshes},designs={self.designs},seed=11,views=7,figures=3",
        }
        spec = specs.get(name, str(self.shared / "data" / name))
        return list(open_source(spec).records(Skipped()))

    def step_drawings(self, step: Step) -> list[Maker]:
        """As many procedural figures as of meshes in the style of a step."""
        catalogues = (Catalogue(12), Catalogue(12, self.meshes))
        return [partial(_step_drawing, c, i, step) for c in catalogues for i in range(STYLED)]

    # features

    @property
    def recipe(self) -> dict[str, dict[str, object]]:
        """Settings of the frozen network."""
        file = next((self.shared / "weights").glob("tf_efficientnet_lite0*.safetensors"))
        model = {"backbone": "tf_efficientnet_lite0", "weights": str(file), "size": SIZE}
        return {"model": {**model, "dimensions": DIMENSIONS, "pool": "gem"}}

    def features(self, name: str) -> Floats:
        """Pooled features [N, C] of a set, computed in chunks that a later start finds again."""
        if name in REAL or name in KINDS:
            references = [record.image for record in self.records(name)]
            makers: list[Maker] = [partial(load, ref, SIZE) for ref in references]
        else:
            makers = self.step_drawings(STEPS[int(name.removeprefix("step"))])
        done = []
        for start in range(0, len(makers), CHUNK):
            file = self.work / f"{name}-{start:06d}.npy"
            if not file.exists():
                self.in_time()
                drawings = np.stack([make() for make in makers[start : start + CHUNK]])
                np.save(file, self.pooled(drawings))
                print(f"{name}: {start + len(drawings)} of {len(makers)}", flush=True)
            done.append(np.load(file))
        # A work folder that was begun with more designs holds more in its last chunk.
        return np.concatenate(done)[: len(makers)]

    def pooled(self, drawings: npt.NDArray[np.uint8]) -> Floats:
        """Features [N, C] of drawings [N, S, S] from the frozen network."""
        if self._frozen is None:
            model = build_model(parse_recipe(self.recipe, "frozen")).eval()
            self._frozen = model.to(memory_format=torch.channels_last)
        parts = []
        with torch.inference_mode():
            for i in range(0, len(drawings), 16):
                pixels = torch.from_numpy(drawings[i : i + 16])[:, None]
                parts.append(self._frozen.features(pixels).numpy())
        return np.concatenate(parts)

    def in_time(self) -> None:
        """Raises `TimeoutError` once the minutes are over."""
        if time.monotonic() > self.deadline:
            raise TimeoutError

    # cells

    def distances(self) -> list[dict[str, object]]:
        """A row for every step."""
        real = np.concatenate([unit(self.features(name)) for name in REAL])
        patent = np.array([r.patent_id for name in REAL for r in self.records(name)])
        strangers = real @ real.T
        strangers[patent[:, None] == patent[None]] = -1
        rows: list[dict[str, object]] = [
            {"name": "real drawings of other patents", "to": _median(strangers.max(axis=1))}
        ]
        for number, step in enumerate(STEPS):
            drawn = unit(self.features(f"step{number}"))
            between = real @ drawn.T
            # Against equally many real ones, or the crowd would decide who is nearest.
            random = np.random.default_rng(0)
            shares = []
            for _ in range(20):
                few = random.choice(len(drawn), min(len(drawn), len(real)), replace=False)
                shares.append((between[:, few].max(axis=1) > strangers.max(axis=1)).mean())
            rows.append(
                {
                    "name": step.name,
                    "to": _median(between.max(axis=1)),
                    "from": _median(between.max(axis=0)),
                    "taken": float(np.mean(shares)),
                    "separable": separable(real, drawn, patent),
                }
            )
        return rows

    def head(self, kind: str) -> nn.Linear:
        """The head learnt on a kind of designs."""
        names = ("procedural", "meshes") if kind == "both" else (kind,)
        features = np.concatenate([self.features(name) for name in names])
        design = [r.patent_id for name in names for r in self.records(name)]
        head = nn.Linear(features.shape[1], DIMENSIONS)
        discriminate(head, features, np.unique(design, return_inverse=True)[1])
        return head

    def tuned(self, kind: str) -> DrawingEncoder:
        """Backbone and head trained on the first designs of a kind; goes on where it stopped."""
        names = ("procedural", "meshes") if kind == "both" else (kind,)
        out = self.work / f"run-{kind}"
        records = [r for name in names for r in self.records(name)]
        few = [r for r in records if int(r.patent_id.rpartition("-")[2]) < TUNED]
        resume = (out / "recipe.toml").exists()
        return train(self.training(), few, out, resume=resume, notify=_say).model()

    def training(self) -> Recipe:
        """The recipe of the tuned cells: small steps from where the closed form stands."""
        settings = self.recipe
        settings["model"] |= {"head": "discriminative"}
        settings["sampler"] = {"classes": 6, "subclasses": 2, "patents": 2, "views": 2}
        settings["loss"] = {"name": "hierarchical", "tau": 0.07}
        settings["optimizer"] = {
            "epochs": 1,
            "epoch_steps": STEPS_TUNED,
            "lr": 1e-4,
            "backbone_lr": 0.3,
            "layer_decay": 0.7,
            "freeze_bn": True,
            "ema": 0.9,
            "checkpoint_steps": 10,
        }
        settings["evaluation"] = {"holdout": 0.0, "keep": "last"}
        return parse_recipe(settings, "tuned")

    def speed(self) -> dict[str, float]:
        """Finished drawings of 224 pixels: processor time each, and how many two workers make.

        The best of three rounds: other work on the machine can only slow them down.
        """
        records = open_source("synthetic:designs=92,seed=3,views=4").records(Skipped())
        references = [record.image for record in records]
        seconds, rates = [], []
        with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
            list(pool.map(_draw, references[:64], chunksize=6))
            for _ in range(3):
                began = time.monotonic()
                seconds.append(sum(pool.map(_draw, references, chunksize=12)))
                rates.append(len(references) / (time.monotonic() - began))
        return {"milliseconds": 1000 * min(seconds) / len(references), "rate": max(rates)}

    def scores(self, embeddings: dict[str, Floats]) -> dict[str, QueryScores]:
        """Scores of embeddings of the real sets."""
        found = {}
        for name in REAL:
            records = self.records(name)
            labels = [[getattr(r, f) for r in records] for f in ("patent_id", "subclass", "klass")]
            found[name] = score_queries(unit(embeddings[name]), *labels)
        return found


def _draw(reference: ImageRef) -> float:
    """Processor seconds that one drawing takes."""
    began = time.process_time()
    load(reference, SIZE)
    return time.process_time() - began


def _step_drawing(catalogue: Catalogue, index: int, step: Step) -> npt.NDArray[np.uint8]:
    number, view = index * 3, index % 5
    made = catalogue.design(number)
    mesh = made.mesh if step.broken else replace(made.mesh, broken=made.mesh.broken & False)
    each = catalogue.figures_a_sheet(number, step.figures)
    views = catalogue.views(number, (view + 1) * each)[view * each :]
    header = Header(date.fromisoformat(catalogue.date(number)), view + 1, 7, 500_000 + number)
    draw = Draw(12, number, view)
    page = draw_page(mesh, views, step.style(made.style), draw, number=view + 1, header=header)
    return normalise(page, SIZE)


def separable(real: Floats, drawn: Floats, patent: npt.NDArray[np.str_]) -> float:
    """The area under the ROC curve of a logistic regression that tells real from drawn.

    Five folds; drawings of one patent lie in one fold. 0.5 could not tell them apart.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import GroupKFold, cross_val_predict

    x = np.concatenate([real, drawn])
    y = np.r_[np.ones(len(real)), np.zeros(len(drawn))]
    groups = np.r_[patent, [f"drawn {i // 5}" for i in range(len(drawn))]]
    model = LogisticRegression(C=1.0, max_iter=200)
    guess = cross_val_predict(
        model, x, y, groups=groups, cv=GroupKFold(5), method="decision_function"
    )
    return float(roc_auc_score(y, guess))


def _median(cosines: Floats) -> float:
    return float(np.median(1 - cosines))


def _say(line: str) -> None:
    print(line, flush=True)


def run(bench: Bench) -> None:
    """Everything that is missing, cheapest first."""
    results = bench.work / "results.json"
    found = json.loads(results.read_text()) if results.exists() else {}

    def cell(name: str, make: Callable[[], object]) -> None:
        if name not in found:
            bench.in_time()
            found[name] = make()
            results.write_text(json.dumps(found))
            print(f"done: {name}", flush=True)

    try:
        raw = {name: bench.features(name) for name in REAL}
        frozen = bench.scores(raw)
        cell("frozen", lambda: _cell(frozen, None))
        for kind in KINDS:
            cell(f"head {kind}", partial(_headed, bench, raw, kind, frozen))
        cell("distances", bench.distances)
        cell("speed", bench.speed)
        few = Bench(bench.work, bench.shared, TUNED, bench.deadline)
        for kind in KINDS:
            cell(f"start {kind}", partial(_headed, few, raw, kind, frozen))
            cell(f"tuned {kind}", partial(_tuned, bench, kind, frozen))
    except TimeoutError:
        print("the minutes are over: start again to go on")


def _headed(
    bench: Bench, raw: dict[str, Floats], kind: str, frozen: dict[str, QueryScores]
) -> dict[str, object]:
    head = bench.head(kind)
    with torch.no_grad():
        projected = {name: head(torch.from_numpy(raw[name])).numpy() for name in REAL}
    return _cell(bench.scores(projected), frozen)


def _tuned(bench: Bench, kind: str, frozen: dict[str, QueryScores]) -> dict[str, object]:
    model = bench.tuned(kind).eval()
    found = {}
    with torch.inference_mode():
        for name in REAL:
            drawings = np.stack([load(r.image, SIZE) for r in bench.records(name)])
            parts = np.array_split(drawings, max(1, len(drawings) // 16))
            found[name] = np.concatenate(
                [model(torch.from_numpy(part)[:, None]).numpy() for part in parts]
            )
    return _cell(bench.scores(found), frozen)


def _cell(
    scores: dict[str, QueryScores], frozen: dict[str, QueryScores] | None
) -> dict[str, object]:
    """Scores with intervals, and the paired difference from the frozen features."""
    out: dict[str, object] = {}
    for name, queries in scores.items():
        levels = msgspec.to_builtins(summarise(queries).levels)
        difference = {}
        if frozen is not None:
            for level in ("patent", "class"):
                low, high = paired_interval(frozen[name], queries, level=level)
                difference[level] = [low, high]
        out[name] = {"levels": levels, "difference": difference}
    return out


def report(bench: Bench) -> str:
    """The tables, as Markdown."""
    found = json.loads((bench.work / "results.json").read_text())
    lines = ["# Synthetic designs beside real drawings", "", _ABOUT.strip(), ""]
    if "speed" in found:
        text = _SPEED.format(**found["speed"])
        lines += ["## Speed", "", text.strip(), ""]
    if "distances" in found:
        lines += ["## Distance from real drawings", "", _DISTANCE.strip(), ""]
        lines += ["| step | real → nearest drawn | drawn → nearest real | nearest is drawn | AUC |"]
        lines += ["|---|---|---|---|---|"]
        for row in found["distances"]:
            cells = [
                f"{row[k]:.3f}" if k in row else "" for k in ("to", "from", "taken", "separable")
            ]
            lines.append(f"| {row['name']} | " + " | ".join(cells) + " |")
        lines.append("")
    lines += [
        "## Learnt on synthetic designs alone",
        "",
        _LEARNT.strip().format(designs=bench.designs),
        "",
    ]
    for name in REAL:
        lines += [
            f"### {name}",
            "",
            "| model | same patent mAP | − frozen | R@1 | same class mAP | − frozen |",
        ]
        lines += ["|---|---|---|---|---|---|"]
        for key in (k for k in _LABELS if k in found):
            cell = found[key]
            patent, klass = (cell[name]["levels"][level] for level in ("patent", "class"))
            gaps = [_gap(found, key, name, level) for level in ("patent", "class")]
            lines.append(
                f"| {_LABELS[key]} | {_interval(patent)} | {gaps[0]} | "
                f"{patent['recall@1']:.3f} | {_interval(klass)} | {gaps[1]} |"
            )
        lines.append("")
    missing = [kind for kind in KINDS if f"tuned {kind}" not in found]
    if missing:
        lines += [f"Not run yet: backbone and head tuned on {', '.join(missing)}.", ""]
    return "\n".join(lines)


def _interval(level: dict[str, Any]) -> str:
    low, high = level["mAP_interval"]
    return f"{level['mAP']:.3f} [{low:.3f}, {high:.3f}]"


def _gap(found: dict[str, Any], key: str, name: str, level: str) -> str:
    between = found[key][name]["difference"].get(level)
    if not between:
        return ""
    gap = found[key][name]["levels"][level]["mAP"] - found["frozen"][name]["levels"][level]["mAP"]
    return f"{gap:+.3f} [{between[0]:+.3f}, {between[1]:+.3f}]"


_LABELS = {
    "frozen": "frozen ImageNet features, GeM",
    "head procedural": "head learnt on procedural designs",
    "head meshes": "head learnt on meshes",
    "head both": "head learnt on both",
    "start procedural": f"head learnt on the first {TUNED} procedural designs",
    "tuned procedural": f"… then {STEPS_TUNED} steps of training on the same",
    "start meshes": f"head learnt on the first {TUNED} meshes",
    "tuned meshes": f"… then {STEPS_TUNED} steps of training on the same",
    "start both": f"head learnt on the first {TUNED} of both",
    "tuned both": f"… then {STEPS_TUNED} steps of training on the same",
}
_ABOUT = "Made by `benchmarks/synthetic.py`, whose head says what the cells are."
_DISTANCE = """
Medians of 1 − cosine in frozen features. *Nearest is drawn*: the share of real drawings whose
nearest neighbour, among the real drawings of other patents and the synthetic ones, is synthetic.
*AUC*: how well a logistic regression tells real from synthetic (five folds by patent; 0.5 would be
perfect disguise).
"""
_SPEED = """
A finished drawing of 224 pixels, mesh, page, crop and all, took {milliseconds:.1f} ms of processor
time (best of three rounds of 368 drawings); two worker processes on two cores made {rate:.0f} a
second.
"""
_LEARNT = """
Intervals are 95 % bootstraps over patents; differences are paired. None of the patents took part.
The heads saw {designs} designs of each kind. What they learn is which directions of the frozen
features change from view to view and from caption to caption of one design, and no class: the
same-class scores stay where frozen features have them. Where a few dozen steps of training
through the backbone followed (frozen BatchNorm, backbone 3e-5 with layer decay, batches of 48),
they took back part of what the closed form had won: so few steps teach the designs, not retrieval.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("verb", choices=("run", "report"))
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--designs", type=int, default=368, help="of each kind, to learn from")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/synthetic.md"))
    given = parser.parse_args()
    deadline = time.monotonic() + 60 * given.minutes
    bench = Bench(given.work, given.shared.resolve(), given.designs, deadline)
    if given.verb == "run":
        # Worker processes start with it: BLAS threads that spin would take each other's cores.
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        torch.set_num_threads(1)
        run(bench)
    else:
        given.out.write_text(report(bench))


if __name__ == "__main__":
    main()
