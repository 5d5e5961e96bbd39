"""Batches of augmented drawings, made in this process or in workers, the same either way."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from edgepatent_train.augment import augment
from edgepatent_train.data import DrawingSet, Ints
from edgepatent_train.recipe import AugmentRecipe


@dataclass(frozen=True)
class Batch:
    """This process's share of a batch, and the labels of the whole batch.

    ``rows`` [n] are row numbers of the drawing set in batch order; ``local`` [m] says which of
    them this process computes; ``pixels`` [m, 1, S, S] uint8 are theirs.
    """

    rows: Ints
    local: Ints
    pixels: Tensor


class _Augmented(Dataset[Tensor]):
    """Drawings by (row, place): the generator of a place in an epoch follows from the seed."""

    def __init__(self, drawings: DrawingSet, recipe: AugmentRecipe, seed: tuple[int, ...]) -> None:
        self.drawings, self.recipe, self.seed = drawings, recipe, seed

    def __getitem__(self, item: tuple[int, int]) -> Tensor:
        row, place = item
        rng = np.random.default_rng((*self.seed, place))
        return torch.from_numpy(augment(self.drawings.pixels(row), self.recipe, rng))[None]


def load_batches(
    drawings: DrawingSet,
    batches: Sequence[npt.NDArray[np.int64]],
    recipe: AugmentRecipe,
    *,
    seed: tuple[int, int],
    skip: int = 0,
    rank: int = 0,
    world: int = 1,
    workers: int = 0,
) -> Iterator[Batch]:
    """The epoch's batches from number ``skip`` on, augmented; each process takes every
    ``world``-th drawing. ``seed`` is (recipe seed, epoch)."""
    starts = np.cumsum([0, *(len(batch) for batch in batches)])
    shares = [np.arange(rank, len(batch), world) for batch in batches]
    plan = [
        [(int(batch[i]), int(start + i)) for i in share]
        for batch, share, start in zip(batches, shares, starts[:-1], strict=True)
    ][skip:]
    loader = DataLoader(
        _Augmented(drawings, recipe, seed),
        batch_sampler=plan,
        num_workers=workers,
        pin_memory=torch.cuda.is_available(),
    )
    for batch, share, pixels in zip(batches[skip:], shares[skip:], loader, strict=True):
        yield Batch(batch, share, pixels)
