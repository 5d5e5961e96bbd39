"""Many trainings that differ in a few settings, and the table of what they gave.

A sweep is a TOML file with a table ``[grid]``, or several ``[[grid]]``: recipe keys and the values
to try.

    [[grid]]
    "loss.tau" = [0.05, 0.1, 0.2]
    "loss.scores" = [[1.0, 0.5, 0.25], [1.0, 0.2, 0.05]]
    seed = [0, 1]

Every combination within a grid is a run of its own in a folder below OUT, in the order of the file.
A sweep that was interrupted goes on where it stopped: finished runs stay, the one that was cut off
resumes.
"""

import itertools
import math
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import tomli_w

from edgepatent_runtime import metrics
from edgepatent_runtime.errors import RecipeError, TrainingError
from edgepatent_runtime.progress import Progress, silent
from edgepatent_runtime.record import Record, Skipped
from edgepatent_train.checkpoint import write_atomic
from edgepatent_train.loop import Notify
from edgepatent_train.recipe import Recipe
from edgepatent_train.recipe_file import dump_recipe, merge, parse_recipe
from edgepatent_train.run import RECIPE, Run
from edgepatent_train.trainer import train

SWEEP = "sweep.toml"
BASE = "base.toml"
TABLE = "sweep.md"
ROWS = "sweep.json"
MOST = 1000
Grid = dict[str, list[Any]]
SEED = "seed"


class Cell(msgspec.Struct, frozen=True):
    """One combination: its folder's name, and the value of every key of the grid."""

    name: str
    settings: dict[str, Any]


class Row(msgspec.Struct, frozen=True):
    """What one run gave: mAP of the kept weights at each level that has one, with its interval.

    ``first`` is that at the level that decides before any step; ``below_first`` says that training
    ended below it.
    """

    name: str
    settings: dict[str, Any]
    steps: int
    first: float | None
    below_first: bool
    levels: dict[str, tuple[float, float, float]]


def read_sweep(file: Path) -> list[Grid]:
    """The grids of a sweep file. Raises `RecipeError` for anything else."""
    found = _toml(file)
    grids = found.get("grid")
    grids = [grids] if isinstance(grids, dict) else grids
    if set(found) != {"grid"} or not isinstance(grids, list) or not all(grids) or not grids:
        raise RecipeError(f"the sweep {file} needs a table [grid] of recipe keys and values")
    for key, values in ((key, values) for grid in grids for key, values in grid.items()):
        if not isinstance(values, list) or not values:
            raise RecipeError(f"the sweep {file}: {key} needs a list of values to try")
    return grids


def cells(grids: Sequence[Grid], base: Recipe) -> list[tuple[Cell, Recipe]]:
    """Every combination of each grid with its recipe. Raises `RecipeError` for one that is none."""
    if sum(math.prod(len(values) for values in grid.values()) for grid in grids) > MOST:
        raise RecipeError(f"a sweep of more than {MOST} trainings: leave values out")
    found = []
    combined = ((grid, values) for grid in grids for values in itertools.product(*grid.values()))
    for number, (grid, values) in enumerate(combined, 1):
        settings = dict(zip(grid, values, strict=True))
        changes: dict[str, Any] = {}
        for key, value in settings.items():
            table, _, name = key.rpartition(".")
            (changes.setdefault(table, {}) if table else changes)[name] = value
        told = " ".join(f"{key.rpartition('.')[2]}={_short(v)}" for key, v in settings.items())
        name = f"{number:03}-" + re.sub(r"[^\w.=-]+", "-", told)[:80]
        merged = merge(msgspec.to_builtins(base), changes)
        found.append((Cell(name, settings), parse_recipe(merged, f"of the sweep, {told}")))
    return found


def sweep(
    base: Recipe,
    grids: Sequence[Grid],
    records: Sequence[Record] | Mapping[str, Sequence[Record]],
    out: Path,
    *,
    sources: Sequence[str] = (),
    resume: bool = False,
    report: bool = False,
    skipped: Skipped | None = None,
    progress: Progress = silent,
    notify: Notify = lambda line: None,
) -> list[Row]:
    """Train every combination of ``grids`` into a folder below ``out``; the rows of the table.

    The table is written anew after each (sweep.md, and sweep.json for programs). With ``resume``
    goes on with the sweep of the same grids and recipe that ``out`` holds. Raises what
    `trainer.train` raises, and `TrainingError` for a folder that holds another sweep.
    """
    skipped = Skipped() if skipped is None else skipped
    every = cells(grids, base)
    _begin(out, grids, sources, base, resume=resume)
    rows: list[Row] = []
    for number, (cell, recipe) in enumerate(every, 1):
        folder = out / cell.name
        begun = (folder / RECIPE).exists()
        if not (begun and Run.open(folder).finished):
            notify(f"{number} of {len(every)}: {cell.name}{', going on' if begun else ''}")
            train(
                recipe,
                records,
                folder,
                sources=sources,
                resume=begun,
                report=report,
                skipped=skipped if number == 1 else Skipped(),
                progress=progress,
                notify=notify,
            )
        rows.append(_row(cell, Run.open(folder)))
        write_atomic(out / ROWS, msgspec.json.format(msgspec.json.encode(rows)) + b"\n")
        write_atomic(out / TABLE, table(rows, len(every)).encode())
    return rows


class Opened(msgspec.Struct, frozen=True):
    """The sweep that a folder holds."""

    grids: list[Grid]
    sources: list[str]
    base: Recipe

    @classmethod
    def at(cls, out: Path) -> "Opened":
        """Raises `RecipeError` where there is none."""
        begun = _toml(out / SWEEP)
        return cls(begun["grid"], begun["sources"], parse_recipe(_toml(out / BASE), str(out)))


def _toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RecipeError(f"the sweep {file} cannot be read: {error}") from error


def _begin(
    out: Path,
    grids: Sequence[Grid],
    sources: Sequence[str],
    base: Recipe,
    *,
    resume: bool,
) -> None:
    sweep = Opened(list(grids), list(sources), base)
    if (out / SWEEP).exists():
        if not resume:
            raise TrainingError(
                f"{out} holds a sweep: go on with --resume, or choose another --out"
            )
        if Opened.at(out) != sweep:
            raise TrainingError(
                f"{out} was begun with another sweep, recipe or data: choose another --out"
            )
        return
    if (out / RECIPE).exists():
        raise TrainingError(f"{out} holds a run: choose another --out for a sweep")
    write_atomic(out / BASE, dump_recipe(base).encode())
    told = {"sources": sweep.sources, "grid": sweep.grids}
    write_atomic(out / SWEEP, tomli_w.dumps(told).encode())


def _row(cell: Cell, run: Run) -> Row:
    outcome = run.outcome()
    levels: dict[str, tuple[float, float, float]] = {}
    for entry in run.entries():
        if outcome is not None and "evaluation" in entry and entry["step"] == outcome.kept_step:
            levels = {
                level: (found["mAP"], *found["mAP_interval"])
                for level, found in entry["evaluation"]["levels"].items()
                if found["mAP"] is not None
            }
    return Row(
        cell.name,
        cell.settings,
        0 if outcome is None else outcome.steps,
        None if outcome is None else outcome.first,
        outcome is not None and outcome.below_first,
        levels,
    )


def table(rows: Sequence[Row], planned: int) -> str:
    """The rows as Markdown, runs that differ in their seed alone averaged, the best in bold."""
    keys = [key for key in dict.fromkeys(k for row in rows for k in row.settings) if key != SEED]
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(str([row.settings.get(key) for key in keys]), []).append(row)
    levels = [level for level in metrics.LEVELS if any(level in row.levels for row in rows)]

    def mean_of(own: Sequence[Row], level: str) -> float:
        return _mean([row.levels[level][0] for row in own if level in row.levels])

    means = {level: [mean_of(own, level) for own in groups.values()] for level in levels}
    lines = [
        f"# Sweep: {len(rows)} of {planned} runs",
        "",
        "mAP on the held-out patents, of the weights that were kept; in brackets the 95 % interval",
        "of a single run, or the standard deviation over seeds where there are several. ↓: ended",
        "below where it began. Where intervals overlap much, the order may be chance.",
        "",
        "| " + " | ".join([*keys, "runs", "before", *levels]) + " |",
        "|" + "---|" * (len(keys) + len(levels) + 2),
    ]
    for place, own in enumerate(groups.values()):
        names = [_short(own[0].settings.get(key, "")) for key in keys]
        before = _mean([row.first for row in own if row.first is not None])
        scores = []
        for level in levels:
            mean, best = means[level][place], np.nanmax(means[level])
            text = "" if np.isnan(mean) else f"{mean:.3f} {_spread(own, level)}"
            scores.append(f"**{text}**" if mean == best else text)
        below = " ↓" * any(row.below_first for row in own)
        lines.append(
            "| " + " | ".join([*names, str(len(own)), f"{before:.3f}{below}", *scores]) + " |"
        )
    return "\n".join(lines) + "\n"


def _spread(own: Sequence[Row], level: str) -> str:
    found = [row.levels[level] for row in own if level in row.levels]
    if len(found) > 1:
        return f"(± {np.std([mean for mean, _, _ in found], ddof=1):.3f})"
    return f"({found[0][1]:.3f} to {found[0][2]:.3f})"


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else float("nan")


def _short(value: Any) -> str:
    """A value as it stands in a table or a name."""
    if isinstance(value, list | tuple):
        return "/".join(map(_short, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
