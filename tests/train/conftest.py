from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from edgepatent_train.recipe import Recipe, parse_recipe


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEPATENT_CACHE", str(tmp_path / "cache"))


def write_designs(
    folder: Path, *, classes: int = 2, subclasses: int = 2, patents: int = 3, views: int = 3
) -> Path:
    """A folder source of little drawings: polygons whose corners tell subclass and patent."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["file_name,patent_id,class,subclass"]
    rng = np.random.default_rng(0)
    for k in range(classes):
        for s in range(subclasses):
            corners = 3 + k * subclasses + s
            for p in range(patents):
                radius = rng.uniform(20, 40, corners)
                patent = f"P{k}{s}{p}"
                for v in range(views):
                    angle = 2 * np.pi * (np.arange(corners) / corners + v / 37)
                    points = 48 + radius[:, None] * np.stack((np.cos(angle), np.sin(angle)), 1)
                    page = np.full((96, 96), 255, np.uint8)
                    cv2.polylines(page, [points.astype(np.int32)], True, (0,), 2)
                    cv2.imwrite(str(folder / f"{patent}-{v}.png"), page)
                    lines.append(f"{patent}-{v}.png,{patent},{k:02d},{k:02d}-{s:02d}")
    (folder / "metadata.csv").write_text("\n".join(lines) + "\n")
    return folder


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
