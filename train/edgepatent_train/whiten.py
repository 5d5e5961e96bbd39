"""Heads that start as a linear map fitted on the pooled features, in closed form."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

Doubles = npt.NDArray[np.float64]


def whiten(head: nn.Linear, features: npt.NDArray[np.float32], power: float = 1.0) -> None:
    """Set ``head`` so that it centres features [N, C], rotates them to their principal axes and
    divides each by (λ + ε)^(power/2) (Jégou & Chum 2012).

    ε is the mean eigenvalue beyond the kept ones, the level of what the projection leaves out, so
    that directions which few drawings define are not blown up. Axes beyond the rank of the
    features get small random weights, to be trained. Rows have a root-mean-square length of 1, as
    a learning rate made for fresh weights expects; embeddings are taken to unit length anyway.
    """
    x = features.astype(np.float64)
    mean = x.mean(0)
    x -= mean
    values, vectors = np.linalg.eigh(x.T @ x / max(1, len(x) - 1))
    values, vectors = values[::-1].clip(0), vectors[:, ::-1]
    kept = min(head.out_features, int((values > values[0] * 1e-9).sum()))
    rest = values[kept:]
    epsilon = float(rest.mean()) if len(rest) else 0.0
    matrix = (vectors[:, :kept] / np.sqrt(values[:kept] + epsilon) ** power).T
    set_rows(head, matrix, mean)


def discriminate(
    head: nn.Linear,
    features: npt.NDArray[np.float32],
    patent: npt.NDArray[np.int64],
    widths: Sequence[int] = (),
) -> None:
    """Set ``head`` so that it centres features [N, C], whitens their scatter within patents [N]
    and keeps the directions in which they then vary most.

    Linear discriminant analysis (Fisher 1936), which retrieval knows as learned whitening
    (Mikolajczyk & Matas 2007; Radenović et al. 2018, sec. 3.3): what the views of one patent
    differ in counts little. The spectrum within patents is lifted by its own mean, so that
    directions in which few drawings happen to agree are not blown up. Where the features come
    from several layers, ``widths`` of them from each, every layer is first scaled to the same
    total variance: one lift has to suit them all. Rows have a root-mean-square length of 1.
    """
    mean, white = within(features, patent, widths)
    if white is None:
        # One drawing a patent, or all alike: nothing is known of what differs within.
        whiten(head, features)
        return
    x = (features.astype(np.float64) - mean) @ white
    spread, axes = np.linalg.eigh(x.T @ x)
    kept = min(head.out_features, int((spread > spread[-1] * 1e-9).sum()))
    set_rows(head, (white @ axes[:, ::-1][:, :kept]).T, mean)


def within(
    features: npt.NDArray[np.float32], patent: npt.NDArray[np.int64], widths: Sequence[int] = ()
) -> tuple[Doubles, Doubles | None]:
    """The mean [C] of features [N, C] and the map [C, C] that then whitens their scatter within
    patents [N], its spectrum lifted as in `discriminate`; None where nothing differs within."""
    x = features.astype(np.float64)
    mean = x.mean(0)
    x -= mean
    scale = _equal_shares(x, widths)
    x *= scale
    group = np.unique(patent, return_inverse=True)[1]
    sums = np.zeros((int(group.max()) + 1, x.shape[1]))
    np.add.at(sums, group, x)
    apart = x - (sums / np.bincount(group)[:, None])[group]
    values, vectors = np.linalg.eigh(apart.T @ apart / len(x))
    values = values.clip(0)
    if values.mean() <= 0:
        return mean, None
    return mean, scale[:, None] * (vectors / np.sqrt(values + values.mean()))


def _equal_shares(x: npt.NDArray[np.float64], widths: Sequence[int]) -> npt.NDArray[np.float64]:
    """Factors [C] that give each group of columns of centred x [N, C] the same total variance."""
    scale = np.ones(x.shape[1])
    for end, width in zip(np.cumsum(widths), widths, strict=True):
        group = slice(int(end) - width, int(end))
        variance = float(x[:, group].var(0).sum())
        scale[group] = 1 / np.sqrt(variance) if variance > 0 else 0.0
    return scale


def set_rows(
    head: nn.Linear, matrix: npt.NDArray[np.float64], mean: npt.NDArray[np.float64]
) -> None:
    """Give ``head`` the rows of ``matrix``, scaled, and small random ones where they run out."""
    kept = len(matrix)
    matrix = matrix * (np.sqrt(kept) / max(float(np.linalg.norm(matrix)), 1e-12))
    with torch.no_grad():
        head.weight.normal_(std=1e-3 / np.sqrt(head.in_features))
        head.weight[:kept] = torch.from_numpy(matrix.copy()).float()
        head.bias.copy_(-(head.weight.double() @ torch.from_numpy(mean)).float())
