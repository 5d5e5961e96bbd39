"""The head in parts: kin by ridge regression, twin as before, one unit vector."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from interruption import cut_at, require_same_weights
from torch import nn
from torch.nn import functional as F

from edgepatent_runtime.errors import RecipeError, TrainingError
from edgepatent_runtime.record import Skipped
from edgepatent_train.data import drawing_set, read_mixture, read_records
from edgepatent_train.embed import embed_set, pooled_features
from edgepatent_train.model import UnitParts, build_model
from edgepatent_train.optimizer import parameter_groups
from edgepatent_train.recipe import OptimizerRecipe, Recipe
from edgepatent_train.recipe_file import parse_recipe
from edgepatent_train.ridge import fit_ridge, one_hot, standardising
from edgepatent_train.trainer import train
from edgepatent_train.whiten import whiten

Designs = Callable[..., Path]
Tiny = Callable[..., Recipe]
Floats = npt.NDArray[np.float32]


def data(n: int, c: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).normal(size=(n, c)).astype(np.float32)


def outputs(head: nn.Linear, x: Floats) -> npt.NDArray[np.float64]:
    with torch.no_grad():
        y: npt.NDArray[np.float64] = head.double()(torch.from_numpy(x).double()).numpy()
    return y


def cosines(y: npt.NDArray[Any]) -> npt.NDArray[Any]:
    y = y / np.linalg.norm(y, axis=1, keepdims=True)
    return y @ y.T


@pytest.mark.parametrize("n", [40, 15])  # more drawings than features, and fewer
@pytest.mark.parametrize("ridge", [0.01, 1.0])
def test_outputs_resemble_each_other_as_the_predictions_of_sklearn_do(n: int, ridge: float) -> None:
    """Two blocks, each known of some drawings only; all directions kept."""
    from sklearn.linear_model import Ridge

    x, first, second = data(n, 20), data(n, 3, 1), data(n, 4, 2)
    some, others = np.arange(n) % 3 > 0, np.arange(n) % 4 > 0
    head = nn.Linear(20, 8)
    fit_ridge(head, x, [(first, some), (second, others)], ridge, standardising(x))
    z = (x - x.mean(0)) / x.std(0)
    predicted = []
    for block, known in ((first, some), (second, others)):
        penalty = ridge * np.square(z[known]).sum() / known.sum()
        model = Ridge(alpha=penalty, fit_intercept=False).fit(z[known], block[known])
        predicted.append(model.predict(z))
    expected = cosines(np.concatenate(predicted, 1))
    assert np.allclose(cosines(outputs(head, x)[:, :7]), expected, atol=1e-3)


def test_indicators_are_centred_and_nothing_is_said_of_the_unknown() -> None:
    hot = one_hot(np.array([0, 2, -1, 2]))
    assert hot.shape == (4, 2)
    assert np.allclose(hot[[0, 1, 3]].mean(0), 0, atol=1e-6)
    assert (hot[2] == 0).all()
    assert one_hot(np.full(3, -1)).shape == (3, 0)


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
def test_an_inner_product_is_the_weighed_sum_of_both_parts(weight: float) -> None:
    y = torch.from_numpy(data(6, 9))
    z = UnitParts(9, 4, weight)(y)
    kin, twin = F.normalize(y[:, :4], dim=1), F.normalize(y[:, 4:], dim=1)
    expected = weight * kin @ kin.T + (1 - weight) * twin @ twin.T
    assert torch.allclose(z @ z.T, expected, atol=1e-6)
    assert torch.allclose(z.norm(dim=1), torch.ones(6), atol=1e-6)


PARTS: dict[str, Any] = {
    "model": {"head": "whitened"},
    "kin": {"dimensions": 6, "weight": 0.4},
    "optimizer": {"epochs": 0},
    "evaluation": {"holdout": 0.0},
}


def test_parts_are_fitted_each_on_the_sources_that_teach_it(
    designs: Designs, tiny: Tiny, tmp_path: Path
) -> None:
    """Kin on one source, twins on the other: as if each had been fitted by itself."""
    specs = [f"a={designs()}", f"b={designs()}"]
    sources = [{"name": "a", "parts": ["kin"]}, {"name": "b", "parts": ["twin"]}]
    recipe = tiny(sources=sources, **PARTS)
    run = train(recipe, read_mixture(specs, recipe, Skipped()), tmp_path / "run")
    model = run.model()
    drawings = drawing_set(read_records([specs[0][2:]], Skipped()), 32, Skipped())
    features = pooled_features(model, drawings)
    twin, kin = nn.Linear(features.shape[1], 10), nn.Linear(features.shape[1], 6)
    whiten(twin, features)
    assert torch.allclose(model.head.weight[6:], twin.weight, atol=1e-4)
    blocks = [one_hot(drawings.klass), np.float32(0.7) * one_hot(drawings.subclass)]
    known = np.ones(len(features), bool)
    fit_ridge(kin, features, [(b, known) for b in blocks], 0.2, standardising(features))
    assert np.allclose(
        cosines(outputs(kin, features)[:, :4]),
        cosines(outputs(model.head.float(), features)[:, :4]),
        atol=1e-2,
    )


def test_the_kin_part_tells_classes_and_the_run_trains_on_and_resumes(
    designs: Designs, tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = read_records([str(designs())], Skipped())
    names = [Path(r.image.path).name for r in records]
    np.savez(tmp_path / "v.npz", file_name=np.array(names), v=data(len(names), 12))
    distill = {"teachers": [str(tmp_path / "v.npz")]}
    fitted = train(tiny(**PARTS), records, tmp_path / "fitted").model()
    drawings = drawing_set(records, 32, Skipped())
    kin = embed_set(fitted, drawings)[:, :6]
    same = drawings.klass[:, None] == drawings.klass[None]
    similar = cosines(kin)
    assert similar[same].mean() > similar[~same].mean() + 0.2
    recipe = tiny(**{**PARTS, "distill": distill, "optimizer": {"epochs": 2, "epoch_steps": 3}})
    whole = train(recipe, records, tmp_path / "whole")
    with cut_at(4, monkeypatch):
        train(recipe, records, tmp_path / "cut")
    train(recipe, records, tmp_path / "cut", resume=True)
    require_same_weights(whole.folder, tmp_path / "cut")


def test_without_a_class_or_a_vector_there_is_no_kin(
    designs: Designs, tiny: Tiny, tmp_path: Path
) -> None:
    (designs() / "metadata.csv").unlink()
    records = read_records([str(tmp_path / "designs")], Skipped())
    with pytest.raises(TrainingError, match="nothing is known of kin"):
        train(tiny(**PARTS), records, tmp_path / "run")


@pytest.mark.parametrize(
    ("tables", "complaint"),
    [
        ({"kin": {"dimensions": 256}}, r"kin\.dimensions must leave some"),
        ({"kin": {"weight": 1.5}}, r"kin\.weight must be in"),
        ({"kin": {"labels": {"class": -1.0}}}, r"kin\.ridge and kin\.labels"),
        ({"kin": {"label": {}}}, "did you mean labels"),
        ({"optimizer": {"freeze": 1}}, "needs freeze_bn"),
    ],
)
def test_mistakes_are_named(tables: dict[str, Any], complaint: str) -> None:
    with pytest.raises(RecipeError, match=complaint):
        parse_recipe({"model": {"backbone": "x"}, **tables}, "r")


def test_frozen_stages_need_no_gradient_and_stay(
    designs: Designs, tiny: Tiny, tmp_path: Path
) -> None:
    recipe = tiny(optimizer={"freeze": 2, "freeze_bn": True, "ema": 0.0},
                  evaluation={"holdout": 0.0, "keep": "last"})  # fmt: skip
    before = build_model(recipe).state_dict()
    run = train(recipe, read_records([str(designs())], Skipped()), tmp_path / "run")
    after = run.model().state_dict()
    assert torch.equal(before["backbone.conv_stem.weight"], after["backbone.conv_stem.weight"])
    assert torch.equal(
        before["backbone.blocks.0.0.conv.weight"], after["backbone.blocks.0.0.conv.weight"]
    )
    moved = [k for k in before if k.startswith("backbone.blocks.3") and k.endswith("weight")]
    assert any(not torch.equal(before[k], after[k]) for k in moved)
    many = OptimizerRecipe(freeze=99, freeze_bn=True)
    with pytest.raises(RecipeError, match="stages that can be frozen"):
        parameter_groups(build_model(recipe), nn.Identity(), many)
