"""A head that starts as a PCA whitening of the pooled features."""

import numpy as np
import numpy.typing as npt
import torch
from torch import nn


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
    matrix *= np.sqrt(kept) / max(float(np.linalg.norm(matrix)), 1e-12)
    with torch.no_grad():
        head.weight.normal_(std=1e-3 / np.sqrt(head.in_features))
        head.weight[:kept] = torch.from_numpy(matrix).float()
        head.bias.copy_(-(head.weight.double() @ torch.from_numpy(mean)).float())
