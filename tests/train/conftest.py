from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from little_designs import write_designs

from edgepatent_train.recipe import Recipe
from edgepatent_train.recipe_file import parse_recipe


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEPATENT_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def designs(tmp_path: Path) -> Callable[..., Path]:
    def make(**counts: int) -> Path:
        return write_designs(tmp_path / "designs", **counts)

    return make


TINY: dict[str, dict[str, Any]] = {
    "model": {"backbone": "test_efficientnet", "size": 32, "dimensions": 16},
    "sampler": {"classes": 2, "subclasses": 2, "patents": 2, "views": 2},
    "optimizer": {"epochs": 2, "epoch_steps": 3, "backbone_lr": 1.0, "checkpoint_steps": 1},
    "evaluation": {"holdout": 0.25},
}


@pytest.fixture
def tiny() -> Callable[..., Recipe]:
    """A recipe that trains in seconds; tables given by name are merged into it."""

    def make(seed: int = 0, **tables: Any) -> Recipe:
        merged: dict[str, Any] = {**TINY, **tables}
        for name in TINY.keys() & tables:
            merged[name] = {**TINY[name], **tables[name]}
        return parse_recipe({**merged, "seed": seed}, "tiny")

    return make
