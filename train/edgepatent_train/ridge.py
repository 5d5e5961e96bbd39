"""The kin part of a head, in closed form: what a linear map can tell of class and title."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from edgepatent_train.whiten import Doubles, set_rows

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


def one_hot(labels: Ints) -> Floats:
    """Labels [N] → centred indicators [N, K], zeros where unknown (−1)."""
    known = labels >= 0
    hot = np.zeros((len(labels), int(labels.max(initial=-1)) + 1), np.float32)
    hot[known, labels[known]] = 1
    hot = hot[:, hot.any(0)]
    if known.any():
        hot[known] -= hot[known].mean(0)
    return hot


def standardising(features: Floats) -> tuple[Doubles, Doubles]:
    """The mean [C] of features [N, C] and the map [C, C] that then gives each unit variance."""
    x = features.astype(np.float64)
    deviation = x.std(0)
    return x.mean(0), np.diag(np.where(deviation > 0, 1 / deviation.clip(1e-12), 0.0))


def fit_ridge(
    head: nn.Linear,
    features: Floats,
    targets: Sequence[tuple[Floats, npt.NDArray[np.bool_]]],
    ridge: float,
    space: tuple[Doubles, Doubles],
) -> None:
    """Set ``head`` so that inner products of its outputs are those of predicted targets.

    ``targets`` are blocks [N, T] with the drawings [N] of which each is known. Features [N, C],
    less a mean and through a map that ``space`` gives (`standardising`, `whiten.within`), are
    mapped to all blocks side by side by ridge regression, each fitted on the drawings that have
    it; λ is ``ridge`` times the mean diagonal of their kernel. The predictions are then turned to
    their principal axes about the origin, of which as many are kept as the head has outputs.
    """
    mean, matrix = space
    x = (features.astype(np.float64) - mean) @ matrix
    every = np.concatenate(
        [regression(x[known], block[known], ridge) for block, known in targets], 1
    )
    told = x[np.any([known for _, known in targets], axis=0)] @ every
    values, axes = np.linalg.eigh(told.T @ told)
    kept = min(head.out_features, int((values > values[-1] * 1e-9).sum()))
    set_rows(head, (matrix @ (every @ axes[:, ::-1][:, :kept])).T, mean)


def regression(x: Doubles, y: Floats, ridge: float) -> Doubles:
    """The map [C, T] that ridge regression finds from x [N, C] to y [N, T].

    λ is ``ridge`` times the mean diagonal of the kernel.
    (xᵀx + λI)⁻¹xᵀ = xᵀ(xxᵀ + λI)⁻¹: whichever system is smaller is solved.
    """
    few = len(x) < x.shape[1]
    gram = x @ x.T if few else x.T @ x
    penalty = max(ridge * float(np.square(x).sum()) / max(1, len(x)), 1e-9)
    gram[np.diag_indices_from(gram)] += penalty
    target = y.astype(np.float64)
    solved = np.linalg.solve(gram, target if few else x.T @ target)
    found: Doubles = (x.T @ solved if few else solved).astype(np.float64, copy=False)
    return found


def fused(parts: Sequence[nn.Linear], head: nn.Linear) -> None:
    """Put the rows of several heads, in order, into one."""
    with torch.no_grad():
        head.weight.copy_(torch.cat([part.weight for part in parts]))
        head.bias.copy_(torch.cat([part.bias for part in parts]))
