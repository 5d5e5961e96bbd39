"""A run from its drawings to its folder: begun or gone on with, trained, reported."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from accelerate import Accelerator

from edgepatent_runtime.errors import TrainingError
from edgepatent_runtime.progress import Progress, silent
from edgepatent_runtime.record import Record, Skipped
from edgepatent_train.curriculum import Curriculum
from edgepatent_train.data import Ints, drawing_set
from edgepatent_train.journal import Journal
from edgepatent_train.loop import Loop, Notify
from edgepatent_train.memory import keep_freed_memory
from edgepatent_train.model import build_model
from edgepatent_train.recipe import Recipe
from edgepatent_train.run import (
    METRICS,
    RECIPE,
    REPORT,
    Run,
    difference,
    without_weights,
)


def train(
    recipe: Recipe,
    records: Sequence[Record] | Mapping[str, Sequence[Record]],
    out: Path,
    *,
    sources: Sequence[str] = (),
    resume: bool = False,
    tensorboard: bool = False,
    report: bool = False,
    skipped: Skipped | None = None,
    progress: Progress = silent,
    notify: Notify = lambda line: None,
) -> Run:
    """Train on ``records`` as ``recipe`` says and write the run folder ``out``.

    Where the recipe mixes sources, ``records`` are those of each by its name (`read_mixture`).
    With ``resume`` goes on from the folder's last checkpoint, which must be of the same recipe
    and data. With ``report`` the finished run gets its page and pictures (`report`), also one that
    had finished before without them. ``notify`` gets a line for everything worth knowing;
    ``skipped`` counts drawings that cannot be used. Called by every process of an ``accelerate
    launch``, it trains one model together.

    Raises `TrainingError` for data that cannot be trained on, a folder in use, a checkpoint of
    another recipe, a loss that is not finite, a full disk; `RecipeError` for an impossible recipe.
    """
    keep_freed_memory()
    accelerator = Accelerator(mixed_precision=recipe.optimizer.precision)
    if not accelerator.is_main_process:
        notify, progress = _say_nothing, silent
    if resume:
        _must_match(Run.open(out).recipe, recipe, out)
        if Run.open(out).finished:
            notify(f"{out} has finished already")
            if not report or (out / REPORT).is_file():
                return Run.open(out)
    elif (out / RECIPE).exists():
        raise TrainingError(
            f"{out} holds a run already: go on with --resume, or choose another --out"
        )
    every, source = _flattened(records, recipe)
    # The model before the drawings: what is wrong with it shows at once, decoding takes minutes.
    encoder = build_model(without_weights(recipe) if resume else recipe).to(accelerator.device)
    with accelerator.main_process_first():  # one process decodes, the others find the cache
        drawings = drawing_set(
            every, recipe.model.size, Skipped() if skipped is None else skipped, progress, source
        )
        resized = {
            size: drawing_set(every, size, Skipped(), progress, source)
            for size in recipe.optimizer.sizes
            if size != recipe.model.size
        }
    lessons = Curriculum(recipe, drawings, resized)
    if resume and Run.open(out).finished:
        _report(out, lessons, accelerator, notify, progress)
        return Run.open(out)
    boards = out / "tensorboard" if tensorboard and accelerator.is_main_process else None
    journal = Journal(out / METRICS, boards)
    loop = Loop(
        recipe,
        encoder,
        drawings,
        lessons,
        out,
        accelerator,
        journal,
        notify,
        progress,
        resume=resume,
    )
    loop.run(None if resume else list(sources))
    if report:
        _report(out, lessons, accelerator, notify, progress)
    return Run.open(out)


def _report(
    out: Path, lessons: Curriculum, accelerator: Accelerator, notify: Notify, progress: Progress
) -> None:
    """Write the report of a finished run, which is good without: a full disk is only told."""
    if accelerator.is_main_process:
        # Only here: matplotlib takes a second to import.
        from edgepatent_train.report.run_report import report

        try:
            report(Run.open(out), lessons, device=str(accelerator.device), progress=progress)
        except OSError as error:
            notify(f"the report {out / REPORT} cannot be written: {error.strerror or error}")
    accelerator.wait_for_everyone()


def _say_nothing(line: str) -> None:
    """What processes other than the first have to say."""


def _flattened(
    records: Sequence[Record] | Mapping[str, Sequence[Record]], recipe: Recipe
) -> tuple[Sequence[Record], Ints]:
    """All records, and of each the number of its source."""
    mixture = records if isinstance(records, Mapping) else {"": records}
    names = [source.name for source in recipe.sources] or [""]
    if set(mixture) != set(names):
        raise TrainingError(
            f"the recipe mixes the sources {', '.join(names)}, the drawings are of "
            f"{', '.join(mixture)}"
        )
    sizes = [len(mixture[name]) for name in names]
    return [r for name in names for r in mixture[name]], np.repeat(np.arange(len(names)), sizes)


def _must_match(begun: Recipe, asked: Recipe, out: Path) -> None:
    what = difference(begun, asked)
    if what:
        raise TrainingError(
            f"{out} was begun with another recipe ({what}): resume without --recipe and other "
            "settings, or choose another --out"
        )
