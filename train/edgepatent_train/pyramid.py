"""One drawing at several sizes on one sheet: a network that has seen it once has seen them all.

Strokes and outlines are best read at different sizes. In place of a pass for each (the multi-scale
descriptors of Radenović et al. 2018) the smaller copies stand beside the drawing: paper is zero, as
is the padding of every convolution, so that a copy looks to the network nearly as it would alone
(``benchmarks/kin.md``, "Several sizes"). There is one network in the exported file, run once.
"""

from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Place(NamedTuple):
    """Where a copy stands on the sheet, in pixels: its upper left corner and its side."""

    top: int
    left: int
    side: int


class Pyramid(nn.Module):
    """Drawings [N, 1, S, S], paper 0 → sheets [N, 1, H, W] that hold them at all ``sides``.

    The first of ``sides`` is S; the others stand in a column on its right, the largest on top. All
    are multiples of the network's stride, so that no position of its maps belongs to two copies.
    """

    def __init__(self, sides: Sequence[int]) -> None:
        super().__init__()
        first, *others = sides
        others.sort(reverse=True)
        tops = [0, *accumulate(others)]
        column = [Place(top, first, side) for top, side in zip(tops, others, strict=False)]
        self.places = [Place(0, 0, first), *column]
        self.height, self.width = max(first, tops[-1]), first + max(others, default=0)

    def extra_repr(self) -> str:
        """The sides, for whoever prints or digests a model."""
        return ", ".join(str(place.side) for place in self.places)

    def forward(self, x: Tensor) -> Tensor:
        """Draw the sheets. A smaller copy is averaged over what its pixels cover."""
        return torch.stack([self._copy(x, *place) for place in self.places]).sum(0)

    def _copy(self, x: Tensor, top: int, left: int, side: int) -> Tensor:
        """One copy by itself on a sheet."""
        if side != x.shape[2]:
            x = F.interpolate(x, (side, side), mode="bilinear", align_corners=False, antialias=True)
        return F.pad(x, (left, self.width - left - side, top, self.height - top - side))

    def parts(self, maps: Tensor) -> list[Tensor]:
        """Of maps [N, C, h, w] of such sheets what belongs to each copy, that of S first.

        Raises `ValueError` for what is no map of the sheet: tokens, or a network that resizes.
        """
        stride = self.height // maps.shape[2]
        if stride * maps.shape[2] != self.height or stride * maps.shape[3] != self.width:
            raise ValueError("a pyramid needs maps of positions, as convolutions give them")
        found = []
        for top, left, side in (tuple(value // stride for value in place) for place in self.places):
            found.append(maps[:, :, top : top + side, left : left + side])
        return found
