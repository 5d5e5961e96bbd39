import numpy as np
import torch
from torch import nn

from edgepatent_train.whiten import whiten


def features(n: int, c: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    spread = np.diag(np.linspace(5, 0.1, c)) @ np.linalg.qr(rng.normal(size=(c, c)))[0]
    return (rng.normal(size=(n, c)) @ spread + rng.normal(size=c)).astype(np.float32)


def outputs(head: nn.Linear, x: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        y: np.ndarray = head(torch.from_numpy(x)).numpy()
    return y


def test_all_dimensions_kept_give_white_centred_outputs() -> None:
    x, head = features(500, 12), nn.Linear(12, 12)
    whiten(head, x)
    y = outputs(head, x)
    covariance = np.cov(y.T)
    assert np.abs(y.mean(0)).max() < 1e-4
    assert np.allclose(covariance, np.eye(12) * covariance[0, 0], atol=1e-3 * covariance[0, 0])


def test_the_kept_directions_are_the_principal_ones() -> None:
    x, head = features(500, 12), nn.Linear(12, 4)
    whiten(head, x, power=0.0)
    y = outputs(head, x)
    values = np.linalg.eigvalsh(np.cov(x.T))[::-1]
    assert np.allclose(np.var(y, axis=0, ddof=1), values[:4], rtol=1e-3)


def test_rows_are_as_long_as_a_learning_rate_expects() -> None:
    head = nn.Linear(12, 8)
    whiten(head, features(500, 12))
    assert torch.isclose(head.weight.norm() ** 2 / 8, torch.tensor(1.0), rtol=1e-3)


def test_fewer_drawings_than_dimensions_stay_finite() -> None:
    for n in (1, 5):
        head = nn.Linear(12, 8)
        whiten(head, features(n, 12))
        assert head.weight.isfinite().all()
        assert head.bias.isfinite().all()
        assert (head.weight.norm(dim=1) > 0).all()
