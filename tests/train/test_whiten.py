import numpy as np
import torch
from torch import nn

from edgepatent_train.whiten import discriminate, whiten


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


def test_discriminative_directions_solve_the_generalised_eigenvalue_problem() -> None:
    from scipy.linalg import eigh

    rng = np.random.default_rng(1)
    patent = np.repeat(np.arange(20), 30)
    x = (2 * rng.normal(size=(20, 12))[patent] + features(600, 12)).astype("f4")
    head = nn.Linear(12, 4)
    discriminate(head, x, patent)
    within = np.mean([np.cov(x[patent == p].T, bias=True) for p in range(20)], axis=0)
    lifted = within + np.eye(12) * np.trace(within) / 12
    _, axes = eigh(np.cov(x.T, bias=True), lifted)
    theirs, ours = (x - x.mean(0)) @ axes[:, :-5:-1], outputs(head, x)
    assert np.abs(ours.mean(0)).max() < 1e-3
    scale = ours.std() / theirs.std()
    assert np.allclose(np.abs(ours), np.abs(theirs) * scale, atol=1e-2 * ours.std())


def test_discrimination_shortens_what_differs_within_a_patent() -> None:
    rng = np.random.default_rng(2)
    patent = np.repeat(np.arange(50), 4)
    x = rng.normal(size=(50, 8))[patent]
    x[:, 0] += rng.normal(size=200) * 10
    head = nn.Linear(8, 8)
    discriminate(head, x.astype("f4"), patent)
    lengths = np.linalg.norm(head.weight.detach().numpy(), axis=0)
    assert lengths[0] < 0.5 * lengths[1:].min()


def test_without_a_second_drawing_of_any_patent_it_is_a_whitening() -> None:
    x, one, two = features(40, 6), nn.Linear(6, 6), nn.Linear(6, 6)
    discriminate(one, x, np.arange(40))
    whiten(two, x)
    assert torch.allclose(one.weight, two.weight)


def test_layers_weigh_alike_whatever_their_scale() -> None:
    rng = np.random.default_rng(3)
    patent = np.repeat(np.arange(40), 5)
    x = (rng.normal(size=(40, 12))[patent] + features(200, 12)).astype("f4")
    loud = x * np.repeat([1.0, 300.0], 6).astype("f4")
    one, two = nn.Linear(12, 8), nn.Linear(12, 8)
    discriminate(one, x, patent, (6, 6))
    discriminate(two, loud, patent, (6, 6))
    a, b = outputs(one, x), outputs(two, loud)
    a, b = (y / np.linalg.norm(y, axis=1, keepdims=True) for y in (a, b))
    assert np.allclose(a @ a.T, b @ b.T, atol=1e-3)
