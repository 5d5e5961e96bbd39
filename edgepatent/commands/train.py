"""``edgepatent train``: drawings in, a run folder out."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgepatent import console
from edgepatent.console import print_json, progress_bar, report_skipped
from edgepatent.options import json_option
from edgepatent_runtime.bundle import INFO, STARTERS
from edgepatent_runtime.errors import MissingExtraError, RecipeError
from edgepatent_runtime.record import Skipped

if TYPE_CHECKING:
    from edgepatent_train.run import Run


@click.command(short_help="Fine-tune a backbone with the hierarchical contrastive loss.")
@click.option(
    "--data",
    "sources",
    multiple=True,
    metavar="[NAME=]SOURCE",
    help="Drawings to train on: a folder, grants, synthetic:designs=N,seed=N … May be repeated. "
    "Where the recipe mixes several sources, NAME says which of them it is.",
)
@click.option(
    "--recipe",
    "recipe_name",
    metavar="NAME|FILE",
    help="A recipe that comes with edgepatent (mobilevit_xxs, tf_efficientnet_lite0-edge, …) or a "
    "TOML file.",
)
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    metavar="RUN",
    help="The folder of the run.",
)
@click.option(
    "--loss",
    type=click.Choice(["hierarchical", "infonce", "supcon", "himulcon"]),
    help="The loss, instead of the recipe's.",
)
@click.option(
    "--epochs",
    type=click.IntRange(min=0),
    help="Epochs, instead of the recipe's; 0 keeps the initial weights and fits the head.",
)
@click.option("--seed", type=click.IntRange(min=0), help="The seed, instead of the recipe's.")
@click.option(
    "--weights",
    multiple=True,
    metavar="FILE|RUN|BUNDLE|timm",
    help="Initial weights of the backbone: a safetensors file, a run, a bundle, starter or "
    "starter-small (read back: needs the export extra), or timm to download the pretrained ones. "
    "Of several runs the mean is taken.",
)
@click.option(
    "--teacher",
    "teachers",
    multiple=True,
    metavar="RUN|TIMM_NAME|FILE",
    help="A larger model to learn from as well: a run, a timm name whose pretrained weights timm "
    "loads (several make an ensemble), or the vectors that a model gave: FILE.npz with file_name "
    "and one or several arrays of vectors, or FILE.npy and FILE.jsonl of edgepatent embed.",
)
@click.option(
    "--sweep",
    "sweep_file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    metavar="FILE",
    help="Train every combination of the values of FILE ([grid]: recipe keys and lists of values; "
    "or several [[grid]]), "
    "each in a folder below RUN; RUN/sweep.md is their table.",
)
@click.option("--resume", is_flag=True, help="Go on from the last checkpoint of RUN.")
@click.option(
    "--tensorboard",
    is_flag=True,
    help="Write losses and scores for TensorBoard into RUN/tensorboard.",
)
@json_option
def command(
    sources: tuple[str, ...],
    recipe_name: str | None,
    out: Path,
    loss: str | None,
    epochs: int | None,
    seed: int | None,
    weights: tuple[str, ...],
    teachers: tuple[str, ...],
    sweep_file: Path | None,
    resume: bool,
    tensorboard: bool,
    as_json: bool,
) -> None:
    """Fine-tune a backbone with the hierarchical contrastive loss.

    Writes the run's settings, weights, scores, checkpoints and, in the end, report.html with its
    pictures into RUN, and says what training did to the scores of the patents that it held out.
    With --resume, --data and --recipe may be left out: those of the run, or of the sweep, are used.
    """
    if not resume and not (sources and recipe_name):
        missing = "--recipe" if sources else "--data"
        raise click.UsageError(f"Missing option '{missing}' (only --resume goes without).")
    if sweep_file and tensorboard:
        raise click.UsageError("--tensorboard goes with a single run only.")
    try:
        from edgepatent_train.data import read_mixture
        from edgepatent_train.recipe_file import load_recipe, override
        from edgepatent_train.run import Run
        from edgepatent_train.sweep import SWEEP, Opened, read_sweep, sweep
        from edgepatent_train.trainer import train
    except ModuleNotFoundError as error:
        raise MissingExtraError("train", "train") from error

    begun = Opened.at(out) if resume and (out / SWEEP).is_file() else None
    if recipe_name:
        recipe = load_recipe(recipe_name)
    else:
        recipe = begun.base if begun else Run.open(out).recipe
    folded = [w for w in weights if w in STARTERS or (Path(w) / INFO).is_file()]
    recipe = override(
        recipe,
        loss=loss,
        epochs=epochs,
        seed=seed,
        weights=[_read_back(w) if w in folded else w for w in weights],
        teachers=teachers,
    )
    if folded and recipe.optimizer.epochs and not recipe.optimizer.freeze_bn:
        raise RecipeError(
            f"the BatchNorm of {folded[0]} is folded away: the recipe must set "
            "optimizer.freeze_bn = true"
        )
    specs = list(sources) or (begun.sources if begun else Run.open(out).data.sources)
    skipped = Skipped()
    run, rows = None, []
    try:
        with progress_bar() as progress:
            records = read_mixture(specs, recipe, skipped, progress)
            common: dict[str, Any] = {
                "sources": specs,
                "resume": resume,
                "report": True,
                "skipped": skipped,
                "progress": progress,
                "notify": lambda line: console.say(line, err=True),
            }
            if sweep_file or begun:
                grids = read_sweep(sweep_file) if sweep_file else begun.grids  # type: ignore[union-attr]
                rows = sweep(recipe, grids, records, out, **common)
            else:
                run = train(recipe, records, out, tensorboard=tensorboard, **common)
    except KeyboardInterrupt:
        console.say(f"go on with: edgepatent train --resume --out {out}", err=True)
        raise click.Abort from None
    if os.environ.get("RANK", "0") != "0":
        return  # of several processes one reports
    report_skipped(skipped)
    if run is not None:
        _tell_run(run, as_json)
    elif as_json:
        print_json(rows)
    else:
        console.say((out / "sweep.md").read_text("utf-8").rstrip())
        console.say(f"\n{out}: {len(rows)} runs, each with its report.html")


def _tell_run(run: "Run", as_json: bool) -> None:
    """The summary of a run, and in red where it ended below where it began."""
    summary = run.summary()
    if as_json:
        print_json(summary)
    else:
        console.say(
            f"{run.folder}: {summary['steps']} steps; look at {run.folder / 'report.html'}; "
            f"next: edgepatent export {run.folder} --out BUNDLE"
        )
    outcome = run.outcome()
    if outcome is not None and outcome.below_first:
        console.alarm(outcome.sentence())
    elif outcome is not None and outcome.steps and not as_json:
        console.say(outcome.sentence())


def _read_back(model: str) -> str:
    """The folder of a run with the backbone of a bundle, whose BatchNorm is folded."""
    from edgepatent.options import open_bundle

    try:
        from edgepatent_export.readback import as_run
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"train --weights {model}", "export") from error
    return str(as_run(open_bundle(model)))
