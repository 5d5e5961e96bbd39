"""A drawing at several sizes on one sheet, against a pass for each size."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny_networks import tiny_model, tiny_recipe
from torch import Tensor
from torch.nn import functional as F

from edgepatent_runtime.errors import RecipeError
from edgepatent_runtime.record import Skipped
from edgepatent_runtime.sources import load, open_source
from edgepatent_train.model import build_model
from edgepatent_train.pyramid import Pyramid

STRIDE = 32

sides = st.integers(2, 6).flatmap(
    lambda first: st.lists(st.integers(1, first - 1), max_size=4).map(
        lambda others: [STRIDE * side for side in (first, *others)]
    )
)


def smaller(x: Tensor, side: int) -> Tensor:
    """The copy of a drawing by itself."""
    if side == x.shape[2]:
        return x
    return F.interpolate(x, (side, side), mode="bilinear", align_corners=False, antialias=True)


@given(sides=sides, seed=st.integers(0, 9))
def test_every_copy_stands_on_the_sheet_whole_and_nothing_else_does(
    sides: list[int], seed: int
) -> None:
    x = -torch.rand(2, 1, sides[0], sides[0], generator=torch.Generator().manual_seed(seed))
    pyramid = Pyramid(sides)
    sheet = pyramid(x)
    found = pyramid.parts(sheet)
    wanted = [sides[0], *sorted(sides[1:], reverse=True)]
    assert [part.shape[2] for part in found] == wanted
    for part, side in zip(found, wanted, strict=True):
        torch.testing.assert_close(part, smaller(x, side))
    # Where copies overlapped the ink would not add up.
    torch.testing.assert_close(sheet.sum(), sum(part.sum() for part in found))


@given(sides=sides)
def test_no_position_of_the_coarsest_maps_belongs_to_two_copies(sides: list[int]) -> None:
    pyramid = Pyramid(sides)
    height, width = pyramid.height // STRIDE, pyramid.width // STRIDE
    maps = torch.arange(height * width).reshape(1, 1, height, width)
    seen = torch.cat([part.flatten() for part in pyramid.parts(maps)])
    assert len(seen.unique()) == len(seen) == sum((side // STRIDE) ** 2 for side in sides)


def test_features_are_close_to_the_mean_of_a_pass_for_each_size() -> None:
    records = open_source("synthetic:designs=6,views=2,seed=11").records(Skipped())
    drawings = np.stack([load(record.image, 256) for record in records])[:, None]
    pixels = torch.from_numpy(drawings)
    model = tiny_model(drawings, size=256, pyramid=(160, 96))
    with torch.no_grad():
        together = model.features(pixels)
        model.pyramid, pyramid = None, model.pyramid
        assert pyramid is not None
        alone = [
            model.features(smaller(pixels.float() - 255, side) + 255) for side in (256, 160, 96)
        ]
    mean = torch.stack(alone).mean(0)
    spread = (mean - mean.mean(0)).norm()
    assert (together - mean).norm() < 0.35 * spread
    # and closer than the drawing at its own size alone
    assert (together - mean).norm() < 0.5 * (alone[0] - mean).norm()


def test_maps_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="maps of positions"):
        Pyramid((64, 32)).parts(torch.zeros(1, 8, 6, 1))


def test_a_network_of_tokens_is_refused() -> None:
    with pytest.raises(RecipeError, match=r"test_vit cannot look at a drawing at several sizes"):
        build_model(tiny_recipe(backbone="test_vit", size=160, pyramid=(96,)))
