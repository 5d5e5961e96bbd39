"""From the archives of DeepPatent2 to the paper's table: losses × networks × seeds, in one script.

    python recipes/deeppatent2.py cost DOWNLOADS              what it will take, before anything
    python recipes/deeppatent2.py run DOWNLOADS --work WORK   all of it, or what is missing
    python recipes/deeppatent2.py table --work WORK           WORK/table.md from what there is

DOWNLOADS holds the parts of the years as they are downloaded (2010.aa …), or their folders. All
years but 2019 train; 2019 is scored as ``evaluate --protocol deeppatent2-2019`` does. For each
network and loss τ is searched with the first seed, by the mAP of held-out patents of the training
years; the best τ is then trained with all seeds. Whatever stops it, ``run`` goes on: finished
trainings stay, the one that was cut off resumes, what was scored is not scored again.

--networks, --losses, --taus, --seeds and --recipe make it smaller; the test of this script runs it
whole on a DeepPatent2 of a few designs. On several GPUs run it with other --networks on each, one
WORK for all.
"""

import argparse
import json
import statistics
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import torch

from edgepatent import cli
from edgepatent.encoding import open_model
from edgepatent.protocols import YEAR, deeppatent2_2019
from edgepatent_runtime.progress import silent
from edgepatent_runtime.record import Record, Skipped
from edgepatent_runtime.sources import open_source
from edgepatent_runtime.sources.deeppatent2 import PART, looks_like_deeppatent2
from edgepatent_train.checkpoint import write_atomic
from edgepatent_train.model import build_model
from edgepatent_train.recipe import Recipe
from edgepatent_train.recipe_file import load_recipe, merge, parse_recipe
from edgepatent_train.run import Run
from edgepatent_train.sweep import Grid, sweep

LOSSES = ("infonce", "supcon", "himulcon", "hierarchical")
# CLIP is a transformer with pooling of its own; its weights are OpenAI's, as timm has them.
CLIP = "vit_base_patch16_clip_224.openai"
NETWORKS = ("mobilevit_s", "mobilevit_xxs", "efficientnet_b0", "tf_efficientnet_lite0", CLIP)
TAUS, SEEDS = (0.05, 0.1, 0.2), (0, 1, 2)
FIGURES = ("same design R@1", "same design mAP@200", "same Locarno P@10", "same Locarno mAP@200")
# Memory traffic that a card moves, bytes a second; networks of this kind reach a third of it.
GPUS = {"T4": 0.32e12, "RTX 4090": 1.0e12, "A100 80 GB": 2.0e12, "H100 SXM": 3.35e12}
REACHED = 1 / 3


@dataclass(frozen=True)
class Plan:
    """What is trained: every network with every loss, τ with the first seed, then all seeds."""

    recipe: Recipe
    networks: Sequence[str]
    losses: Sequence[str]
    taus: Sequence[float]
    seeds: Sequence[int]

    @property
    def trainings(self) -> int:
        """How many trainings of one network there are; the best τ of the first seed is one."""
        return len(self.losses) * (len(self.taus) + len(self.seeds) - 1)

    def of(self, network: str) -> Recipe:
        """The recipe of a network."""
        model: dict[str, Any] = {"backbone": network}
        if network == CLIP:
            model |= {"pool": "native", "size": 224, "weights": "timm"}
        return _changed(self.recipe, {"model": model})


def _changed(recipe: Recipe, changes: dict[str, Any]) -> Recipe:
    return parse_recipe(merge(msgspec.to_builtins(recipe), changes), "of the paper")


def years(downloads: Path) -> tuple[list[str], str]:
    """The folders of the training years and that of 2019, unpacked where they are not yet."""
    if any(PART.fullmatch(path.name) for path in downloads.rglob("20*.*")):
        status = cli.run(["data", "deeppatent2", str(downloads), "--figures", "segmented"])
        if status:
            sys.exit(status)
    folders = [p for p in sorted(downloads.glob("20[0-9][0-9]")) if looks_like_deeppatent2(p)]
    training = [str(folder) for folder in folders if folder.name != YEAR]
    if len(training) == len(folders) or not training:
        sys.exit(f"{downloads} needs the year {YEAR}, which is scored, and others to train on")
    return training, str(downloads / YEAR)


def train_all(plan: Plan, specs: Sequence[str], work: Path, say: Any = print) -> None:
    """Search τ, then train the best with every seed. Goes on where it stopped."""
    skipped = Skipped()
    records: list[Record] = [r for spec in specs for r in open_source(spec).records(skipped)]
    for network in plan.networks:
        for loss in plan.losses:
            grid: Grid = {"loss.name": [loss], "loss.tau": list(plan.taus), "seed": [plan.seeds[0]]}
            folder = work / network / loss
            _sweep(plan.of(network), grid, records, specs, folder / "tau", say)
            tau = best_tau(folder / "tau")
            if plan.seeds[1:]:
                more: Grid = {"loss.name": [loss], "loss.tau": [tau], "seed": list(plan.seeds[1:])}
                _sweep(plan.of(network), more, records, specs, folder / "seeds", say)


def _sweep(
    recipe: Recipe, grid: Grid, records: Sequence[Record], specs: Sequence[str], out: Path, say: Any
) -> None:
    resume = (out / "sweep.toml").exists()
    sweep(recipe, [grid], records, out, sources=specs, resume=resume, notify=say)


def best_tau(folder: Path) -> float:
    """The τ whose held-out patents of the training years were found best."""
    rows = json.loads((folder / "sweep.json").read_bytes())
    best = max(rows, key=lambda row: row["levels"].get("patent", [0.0])[0])
    return float(best["settings"]["loss.tau"])


def chosen_runs(plan: Plan, work: Path) -> Iterator[tuple[str, str, Path]]:
    """Network, loss and folder of every finished run that the table counts."""
    for network in plan.networks:
        for loss in plan.losses:
            folder = work / network / loss
            if not (folder / "tau" / "sweep.json").exists():
                continue
            tau = best_tau(folder / "tau")
            for run in sorted([*(folder / "tau").iterdir(), *(folder / "seeds").glob("*")]):
                if (run / "model.safetensors").exists() and Run.open(run).recipe.loss.tau == tau:
                    yield network, loss, run


def score_all(plan: Plan, test: str, work: Path, say: Any = print) -> None:
    """Score every chosen run on 2019; RUN/deeppatent2-2019.json holds what is needed to repeat."""
    for network, loss, run in chosen_runs(plan, work):
        file = run / "deeppatent2-2019.json"
        if not file.exists():
            skipped = Skipped()
            records = open_source(test).records(skipped)
            model = open_model(str(run))
            found = deeppatent2_2019(model, [test], records, skipped, silent)
            write_atomic(file, msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n")
            say(f"scored {network} {loss} {run.name}: {found.figures['same design R@1'].value:.3f}")


def table(plan: Plan, work: Path) -> str:
    """The paper's table: a row a network and loss, the mean over seeds ± their deviation."""
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    taus: dict[tuple[str, str], float] = {}
    for network, loss, run in chosen_runs(plan, work):
        file = run / "deeppatent2-2019.json"
        if file.exists():
            found.setdefault((network, loss), []).append(json.loads(file.read_bytes()))
            taus[network, loss] = Run.open(run).recipe.loss.tau
    lines = [
        "# Four losses on DeepPatent2",
        "",
        "Scored on 2019 as ClipDesignSearch does: up to 3,000 designs drawn with seed 42, every "
        "drawing a query against all others, the first 200 hits. Mean over seeds ± their standard "
        "deviation; with one seed, its 95 % interval over patents.",
        "",
        f"| network | loss | τ | seeds | gallery | {' | '.join(FIGURES)} |",
        "|" + "---|" * (5 + len(FIGURES)),
    ]
    for (network, loss), scores in found.items():
        gallery = {each["gallery"] for each in scores}
        cells = [network, loss, f"{taus[network, loss]:g}", str(len(scores)),
                 ", ".join(f"{n:,}" for n in sorted(gallery))]  # fmt: skip
        lines.append(f"| {' | '.join([*cells, *(_cell(scores, name) for name in FIGURES)])} |")
    return "\n".join(lines) + "\n"


def _cell(scores: Sequence[dict[str, Any]], name: str) -> str:
    values = [each["figures"][name] for each in scores if name in each["figures"]]
    if not values:
        return ""
    mean = statistics.mean(each["value"] for each in values)
    if len(values) > 1:
        return f"{mean:.3f} ± {statistics.stdev(each['value'] for each in values):.3f}"
    return f"{mean:.3f} [{values[0]['low']:.3f}, {values[0]['high']:.3f}]"


def kept_bytes(recipe: Recipe) -> int:
    """Bytes of float32 that the backward pass keeps of one drawing."""
    model = build_model(recipe).train()
    kept: dict[int, int] = {}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if not tensor.requires_grad or tensor.grad_fn is not None:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    pixels = torch.zeros(2, 1, recipe.model.size, recipe.model.size)
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        held = model(pixels)
    own = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    del held
    return sum(size for pointer, size in kept.items() if pointer not in own) // 2


def cost(plan: Plan, drawings: int) -> str:
    """What the plan takes on several cards, worked out from memory traffic.

    Each kept tensor is written once and read at least twice, and its gradient as much: six times
    its bytes, half of them in bf16. Networks of this kind reach a third of what a card can move.
    """
    epochs = plan.recipe.optimizer.epochs
    seen = drawings * epochs * plan.trainings
    lines = [
        "# What it takes",
        "",
        f"{drawings:,} drawings × {epochs} epochs × {plan.trainings} trainings of each network "
        f"({len(plan.losses)} losses, {len(plan.taus)} τ with the first seed, then "
        f"{len(plan.seeds) - 1} more seeds): {seen / 1e6:,.0f} million drawings a network. Hours "
        "worked out from memory traffic, not measured.",
        "",
        f"| network | kept of a drawing | {' | '.join(GPUS)} |",
        "|" + "---|" * (2 + len(GPUS)),
    ]
    totals = dict.fromkeys(GPUS, 0.0)
    for network in plan.networks:
        recipe = plan.of(network)
        kept = kept_bytes(_changed(recipe, {"model": {"weights": ""}}))
        hours = {name: seen * 6 * kept / 2 / (REACHED * rate) / 3600 for name, rate in GPUS.items()}
        for name, each in hours.items():
            totals[name] += each
        cells = [f"{h:,.0f} h" for h in hours.values()]
        lines.append(f"| {network} | {kept / 2**20:.0f} MiB | {' | '.join(cells)} |")
    cells = [f"{h:,.0f} h" for h in totals.values()]
    lines.append(f"| together | | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("stage", choices=["cost", "run", "table"])
    parser.add_argument("downloads", type=Path, nargs="?")
    parser.add_argument("--work", type=Path)
    parser.add_argument("--recipe", default=str(Path(__file__).with_suffix(".toml")))
    parser.add_argument("--networks", nargs="+", default=NETWORKS)
    parser.add_argument("--losses", nargs="+", choices=LOSSES, default=LOSSES)
    parser.add_argument("--taus", nargs="+", type=float, default=TAUS)
    parser.add_argument("--seeds", nargs="+", type=int, default=SEEDS)
    parser.add_argument("--drawings", type=int, help="for cost: as many, instead of counting")
    given = parser.parse_args(arguments)
    plan = Plan(load_recipe(given.recipe), given.networks, given.losses, given.taus, given.seeds)
    if given.stage == "cost":
        drawings = given.drawings
        if drawings is None:
            if given.downloads is None:
                parser.error("cost needs DOWNLOADS, or --drawings N")
            training, _ = years(given.downloads)
            sources = (open_source(spec).records(Skipped()) for spec in training)
            drawings = sum(1 for records in sources for _ in records)
        print(cost(plan, drawings), end="")
        return
    if given.work is None:
        parser.error(f"{given.stage} needs --work")
    if given.stage == "run":
        if given.downloads is None:
            parser.error("run needs DOWNLOADS")
        training, test = years(given.downloads)
        train_all(plan, training, given.work)
        score_all(plan, test, given.work)
    text = table(plan, given.work)
    write_atomic(given.work / "table.md", text.encode())
    print(text, end="")


if __name__ == "__main__":
    main()
