import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from edgepatent_train.losses import ContrastiveLoss, hierarchical, himulcon, infonce, supcon
from edgepatent_train.recipe import LossRecipe

Labels = tuple[list[int], list[int], list[int]]
SCORES = (1.0, 0.5, 0.25)


def unit(n: int, d: int, dtype: torch.dtype = torch.float64, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    z = torch.randn(n, d, generator=generator, dtype=torch.float64)
    return F.normalize(z, dim=1).to(dtype)


def share(a: int, b: int) -> bool:
    return a == b and a >= 0


def closest(labels: Labels, i: int, j: int) -> int | None:
    return next((level for level in range(3) if share(labels[level][i], labels[level][j])), None)


def log_softmax(z: list[list[float]], i: int, j: int, tau: float) -> float:
    """log q_ij over all others, in plain Python."""
    dots = {k: sum(a * b for a, b in zip(z[i], z[k], strict=True)) / tau for k in range(len(z))}
    most = max(v for k, v in dots.items() if k != i)
    total = sum(math.exp(v - most) for k, v in dots.items() if k != i)
    return dots[j] - most - math.log(total)


def mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def naive_hierarchical(
    z: Tensor, labels: Labels, tau: float, normalise: str, scores: tuple[float, ...] = SCORES
) -> float:
    rows, n, losses = z.double().tolist(), len(z), []
    for i in range(n):
        level = {j: closest(labels, i, j) for j in range(n) if j != i}
        crowd = [sum(1 for v in level.values() if v == at) for at in range(3)]
        weight = {}
        for j, at in level.items():
            if at is not None and scores[at] > 0:
                weight[j] = scores[at] / (crowd[at] if normalise == "level" else 1)
        if not weight:
            continue
        total = 1.0 if normalise == "none" else sum(weight.values())
        losses.append(-sum(w / total * log_softmax(rows, i, j, tau) for j, w in weight.items()))
    return mean(losses)


def naive_infonce(z: Tensor, labels: Labels, tau: float) -> float:
    rows, patent, losses = z.double().tolist(), labels[0], []
    for i in range(len(rows)):
        dots = [sum(a * b for a, b in zip(rows[i], r, strict=True)) / tau for r in rows]
        mates = [j for j in range(len(rows)) if j != i and share(patent[i], patent[j])]
        others = [j for j in range(len(rows)) if j != i and j not in mates]
        terms = []
        for j in mates:
            total = math.exp(dots[j]) + sum(math.exp(dots[k]) for k in others)
            terms.append(-(dots[j] - math.log(total)))
        if terms:
            losses.append(mean(terms))
    return mean(losses)


def naive_supcon(z: Tensor, names: list[int], tau: float) -> float:
    rows, losses = z.double().tolist(), []
    for i in range(len(rows)):
        mates = [j for j in range(len(rows)) if j != i and share(names[i], names[j])]
        if mates:
            losses.append(mean([-log_softmax(rows, i, j, tau) for j in mates]))
    return mean(losses)


def naive_himulcon(z: Tensor, labels: Labels, tau: float) -> float:
    patent, subclass, klass = labels
    return mean(
        [
            math.exp(1 / (3 - depth)) * naive_supcon(z, names, tau)
            for depth, names in enumerate((klass, subclass, patent))
        ]
    )


@st.composite
def labelled(draw: st.DrawFn) -> Labels:
    """Consistent hierarchies with holes: unknown subclasses and classes, lonely patents."""
    n = draw(st.integers(2, 9))
    patent = draw(st.lists(st.integers(0, 4), min_size=n, max_size=n))
    subclass_of = draw(st.lists(st.integers(-1, 2), min_size=5, max_size=5))
    class_of = draw(st.lists(st.integers(-1, 1), min_size=3, max_size=3))
    subclass = [subclass_of[p] for p in patent]
    klass = [class_of[s] if s >= 0 else -1 for s in subclass]
    return patent, subclass, klass


def tensors(labels: Labels) -> tuple[Tensor, Tensor, Tensor]:
    return tuple(torch.tensor(x) for x in labels)  # type: ignore[return-value]


@settings(max_examples=60, deadline=None)
@given(labelled(), st.sampled_from(["joint", "level", "none"]), st.sampled_from([0.05, 0.5]))
def test_hierarchical_is_the_double_loop(labels: Labels, normalise: str, tau: float) -> None:
    z = unit(len(labels[0]), 5)
    ours = hierarchical(z, *tensors(labels), scores=SCORES, tau=tau, normalise=normalise)
    assert ours.item() == pytest.approx(naive_hierarchical(z, labels, tau, normalise), abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(labelled(), st.sampled_from([0.1, 0.5]))
def test_baselines_are_the_double_loop(labels: Labels, tau: float) -> None:
    z, names = unit(len(labels[0]), 5), tensors(labels)
    assert infonce(z, *names, tau=tau).item() == pytest.approx(naive_infonce(z, labels, tau))
    assert himulcon(z, *names, tau=tau).item() == pytest.approx(naive_himulcon(z, labels, tau))
    for level, column in zip(("patent", "subclass", "class"), labels, strict=True):
        ours = supcon(z, *names, tau=tau, level=level).item()
        assert ours == pytest.approx(naive_supcon(z, column, tau))


PLAIN = [hierarchical, infonce, supcon, himulcon]
PATENT = torch.tensor([0, 0, 1, 1, 2, 3, 4])
SUBCLASS = torch.tensor([0, 0, 0, 0, 1, -1, -1])
KLASS = torch.tensor([0, 0, 0, 0, 0, -1, -1])


@pytest.mark.parametrize("loss", PLAIN)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_narrow_types_agree_with_float64(loss: Callable[..., Tensor], dtype: torch.dtype) -> None:
    z = unit(7, 16).to(dtype)
    narrow = loss(z.requires_grad_(), PATENT, SUBCLASS, KLASS, tau=0.02)
    wide = loss(z.double(), PATENT, SUBCLASS, KLASS, tau=0.02)
    assert narrow.dtype == torch.float32
    assert narrow.item() == pytest.approx(wide.item(), rel=1e-4)
    narrow.backward()  # type: ignore[no-untyped-call]
    assert z.grad is not None
    assert z.grad.isfinite().all()


@pytest.mark.parametrize("loss", PLAIN)
def test_gradient_is_right(loss: Callable[..., Tensor]) -> None:
    z = unit(7, 4).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: loss(x, PATENT, SUBCLASS, KLASS, tau=0.3), (z,))


@pytest.mark.parametrize("loss", PLAIN)
def test_nothing_positive_is_zero_with_a_zero_gradient(loss: Callable[..., Tensor]) -> None:
    z = unit(3, 4).requires_grad_()
    unknown = torch.full((3,), -1)
    value = loss(z, torch.arange(3), unknown, unknown)
    value.backward()  # type: ignore[no-untyped-call]
    assert value.item() == 0.0
    assert z.grad is not None
    assert (z.grad == 0).all()


def test_two_unknown_labels_are_not_alike() -> None:
    z = unit(4, 4)
    unknown = torch.full((4,), -1)
    pairs = torch.tensor([0, 0, 1, 1])
    with_unknown = hierarchical(z, pairs, unknown, unknown, tau=0.2)
    patents_only = hierarchical(z, pairs, unknown, unknown, tau=0.2, scores=(1.0, 0.0, 0.0))
    assert with_unknown.item() == patents_only.item()


def test_with_one_positive_each_patent_score_alone_is_infonce() -> None:
    z, pairs = unit(6, 8), torch.tensor([0, 0, 1, 1, 2, 2])
    kin = torch.zeros(6, dtype=torch.int64)
    ours = hierarchical(z, pairs, kin, kin, scores=(1.0, 0.0, 0.0), tau=0.1)
    assert ours.item() == pytest.approx(infonce(z, pairs, kin, kin, tau=0.1).item())


def test_levels_cannot_drown_each_other() -> None:
    """With 30 class mates, joint targets give the patent 1/8.5; per level it keeps 1/1.25."""
    n = 32
    patent = torch.tensor([0, 0, *range(1, n - 1)])
    subclass, klass = torch.arange(n), torch.zeros(n, dtype=torch.int64)
    subclass[1] = 0
    z = unit(n, 8).requires_grad_()
    pull = {}
    for normalise in ("joint", "level"):
        loss = hierarchical(z, patent, subclass, klass, tau=1.0, normalise=normalise)
        (gradient,) = torch.autograd.grad(loss, z)
        pull[normalise] = -(gradient[0] @ z[1]).item()
    assert pull["level"] > 4 * pull["joint"] > 0


def test_prefix_term_adds_the_loss_of_short_embeddings() -> None:
    z = unit(7, 8, torch.float32)
    plain = ContrastiveLoss(LossRecipe(tau=0.2))
    both = ContrastiveLoss(LossRecipe(tau=0.2, prefixes=(2, 4), prefix_weight=0.5))
    short = [plain(F.normalize(z[:, :d], dim=1), PATENT, SUBCLASS, KLASS) for d in (2, 4)]
    expected = plain(z, PATENT, SUBCLASS, KLASS) + 0.5 * torch.stack(short).mean()
    assert both(z, PATENT, SUBCLASS, KLASS).item() == pytest.approx(expected.item())


def test_learned_temperature_moves_and_stays_in_bounds() -> None:
    loss = ContrastiveLoss(LossRecipe(tau=0.1, learn_tau=True))
    loss(unit(7, 8, torch.float32), PATENT, SUBCLASS, KLASS).backward()
    assert loss.log_tau.grad is not None
    assert loss.log_tau.grad != 0
    loss.log_tau.data.fill_(-50.0)
    assert loss.tau.item() == pytest.approx(0.01)
