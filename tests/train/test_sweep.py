import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgepatent_runtime.errors import RecipeError, TrainingError
from edgepatent_runtime.record import Record, Skipped
from edgepatent_train import sweep as module
from edgepatent_train.data import read_records
from edgepatent_train.recipe import Recipe
from edgepatent_train.run import Run
from edgepatent_train.sweep import Opened, Row, cells, read_sweep, sweep, table
from edgepatent_train.trainer import train

Tiny = Callable[..., Recipe]
GRID: dict[str, list[Any]] = {"loss.tau": [0.1, 0.5], "seed": [0, 1]}


@pytest.fixture
def records(designs: Callable[..., Path]) -> list[Record]:
    return read_records([str(designs(patents=2))], Skipped())


@pytest.fixture
def base(tiny: Tiny) -> Recipe:
    return tiny(optimizer={"epochs": 1, "epoch_steps": 2})


def test_every_combination_is_a_recipe(base: Recipe) -> None:
    found = cells([{**GRID, "loss.scores": [[1.0, 0.5, 0.25], [1.0, 0.0, 0.0]]}], base)
    assert len(found) == len({cell.name for cell, _ in found}) == 8
    cell, recipe = found[-1]
    assert cell.name == "008-tau=0.5-seed=1-scores=1-0-0"
    assert (recipe.loss.tau, recipe.seed, recipe.loss.scores) == (0.5, 1, (1.0, 0.0, 0.0))
    assert recipe.optimizer == base.optimizer


@pytest.mark.parametrize(
    ("grid", "says"),
    [
        ({"loss.tua": [0.1]}, "unknown key loss.tua: did you mean tau"),
        ({"loss.tau": [-1.0]}, "loss.tau must be positive"),
        ({"loss.tau": list(range(1001))}, "more than 1000"),
    ],
)
def test_what_is_no_recipe_is_refused_before_anything_is_trained(
    grid: dict[str, list[Any]], says: str, base: Recipe
) -> None:
    with pytest.raises(RecipeError, match=says):
        cells([grid], base)


def test_several_grids_follow_each_other(base: Recipe) -> None:
    found = cells([{"loss.tau": [0.1]}, {"loss.tau": [0.2], "model.pool": ["avg"]}], base)
    assert [cell.name for cell, _ in found] == ["001-tau=0.1", "002-tau=0.2-pool=avg"]
    assert [recipe.model.pool for _, recipe in found] == ["gem", "avg"]


@pytest.mark.parametrize(
    "text", ["", "[grid]", "grid = 3", '[grid]\n"loss.tau" = 0.1', "[grid]\nseed = []", "[[", "x=1"]
)
def test_files_that_are_no_sweep(text: str, tmp_path: Path) -> None:
    (tmp_path / "sweep.toml").write_text(text)
    with pytest.raises(RecipeError, match="the sweep"):
        read_sweep(tmp_path / "sweep.toml")


class KilledError(Exception):
    """Stands for kill -9."""


def test_cut_off_it_goes_on_and_ends_as_it_would_have(
    records: list[Record], base: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = sweep(base, [GRID], records, tmp_path / "whole", sources=["here"])
    assert [row.settings["loss.tau"] for row in whole] == [0.1, 0.1, 0.5, 0.5]
    trained: list[str] = []

    def die_in_the_third(recipe: Recipe, some: Any, folder: Path, **options: Any) -> Run:
        trained.append(folder.name)
        if len(trained) == 3:
            raise KilledError
        return train(recipe, some, folder, **options)

    out = tmp_path / "cut"
    with monkeypatch.context() as patch:
        patch.setattr(module, "train", die_in_the_third)
        with pytest.raises(KilledError):
            sweep(base, [GRID], records, out, sources=["here"])
    assert len(json.loads((out / "sweep.json").read_bytes())) == 2
    assert "2 of 4 runs" in (out / "sweep.md").read_text()
    with pytest.raises(TrainingError, match="go on with --resume"):
        sweep(base, [GRID], records, out, sources=["here"])
    with pytest.raises(TrainingError, match="another sweep"):
        sweep(base, [{"seed": [0]}], records, out, sources=["here"], resume=True)
    begun = Opened.at(out)
    said: list[str] = []
    again = sweep(begun.base, begun.grids, records, out, sources=begun.sources, resume=True,
                  notify=said.append)  # fmt: skip
    assert again == whole
    assert not any(line.startswith(("1 of 4", "2 of 4")) for line in said)
    for row in whole:
        files = [tmp_path / name / row.name / "model.safetensors" for name in ("whole", "cut")]
        assert files[0].read_bytes() == files[1].read_bytes()
        kept = Run.open(out / row.name).outcome()
        assert kept is not None
        assert row.levels["patent"][0] == pytest.approx(kept.kept)


def test_a_folder_with_a_run_is_left_alone(
    records: list[Record], base: Recipe, tmp_path: Path
) -> None:
    (tmp_path / "recipe.toml").write_text("")
    with pytest.raises(TrainingError, match="holds a run"):
        sweep(base, [GRID], records, tmp_path)


def test_the_table_averages_over_seeds_and_marks_the_best() -> None:
    def row(tau: float, seed: int, score: float) -> Row:
        levels = {"patent": (score, score - 0.1, score + 0.1)}
        return Row("x", {"loss.tau": tau, "seed": seed}, 10, 0.25, score < 0.25, levels)

    text = table([row(0.1, 0, 0.2), row(0.1, 1, 0.3), row(0.5, 0, 0.4), row(0.5, 1, 0.6)], 4)
    assert "| loss.tau | runs | before | patent |" in text
    assert "| 0.1 | 2 | 0.250 ↓ | 0.250 (± 0.071) |" in text
    assert "| 0.5 | 2 | 0.250 | **0.500 (± 0.141)** |" in text
    alone = table([row(0.1, 0, 0.2)], 4)
    assert "| 0.1 | 1 | 0.250 ↓ | **0.200 (0.100 to 0.300)** |" in alone
