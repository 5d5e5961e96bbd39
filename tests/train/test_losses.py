import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from edgepatent_train.losses import LOSSES, ContrastiveLoss, reduce
from edgepatent_train.recipe import LossRecipe

Labels = tuple[list[int], ...]
Settings = dict[str, Any]
SCORES = (1.0, 0.5, 0.25)


def unit(n: int, d: int, dtype: torch.dtype = torch.float64, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    z = torch.randn(n, d, generator=generator, dtype=torch.float64)
    return F.normalize(z, dim=1).to(dtype)


def share(a: int, b: int) -> bool:
    return a == b and a >= 0


def closest(labels: Labels, i: int, j: int) -> int | None:
    return next((at for at in range(len(labels)) if share(labels[at][i], labels[at][j])), None)


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
        crowd = [sum(1 for v in level.values() if v == at) for at in range(len(labels))]
        weight = {}
        for j, at in level.items():
            if at is not None and scores[at] > 0:
                weight[j] = scores[at] / (crowd[at] if normalise == "level" else 1)
        if not weight:
            continue
        total = 1.0 if normalise == "none" else sum(weight.values())
        losses.append(-sum(w / total * log_softmax(rows, i, j, tau) for j, w in weight.items()))
    return mean(losses)


def naive_apart(
    z: Tensor, labels: Labels, taus: tuple[float, ...], scores: tuple[float, ...]
) -> float:
    rows, n, losses = z.double().tolist(), len(z), []
    for i in range(n):
        level = {j: closest(labels, i, j) for j in range(n) if j != i}
        terms, weights = [], []
        for at, (tau, score) in enumerate(zip(taus, scores, strict=True)):
            mates = [j for j, v in level.items() if v == at]
            further = [j for j, v in level.items() if v is None or v > at]
            dots = {
                j: sum(a * b for a, b in zip(rows[i], rows[j], strict=True)) / tau for j in level
            }
            total = sum(math.exp(dots[j]) for j in mates + further)
            if mates:
                terms.append(score * mean([math.log(total) - dots[j] for j in mates]))
                weights.append(score)
        if sum(weights) > 0:
            losses.append(sum(terms) / sum(weights))
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
    levels = labels[::-1]
    return mean(
        [
            math.exp(1 / (len(levels) - depth)) * naive_supcon(z, names, tau)
            for depth, names in enumerate(levels)
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


def tensor(labels: Labels) -> Tensor:
    return torch.tensor(labels).T


def value(z: Tensor, labels: Tensor, tau: float = 0.1, **settings: Any) -> Tensor:
    """The loss that the settings name, over all anchors."""
    recipe = LossRecipe(**settings)
    return reduce(LOSSES[recipe.name](z, labels, tau, recipe))


@settings(max_examples=60, deadline=None)
@given(labelled(), st.sampled_from(["joint", "level", "none"]), st.sampled_from([0.05, 0.5]))
def test_hierarchical_is_the_double_loop(labels: Labels, normalise: str, tau: float) -> None:
    z = unit(len(labels[0]), 5)
    ours = value(z, tensor(labels), tau, scores=SCORES, normalise=normalise)
    assert ours.item() == pytest.approx(naive_hierarchical(z, labels, tau, normalise), abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(labelled(), st.sampled_from([0.1, 0.5]))
def test_baselines_are_the_double_loop(labels: Labels, tau: float) -> None:
    z, names = unit(len(labels[0]), 5), tensor(labels)
    ours = value(z, names, tau, name="infonce").item()
    assert ours == pytest.approx(naive_infonce(z, labels, tau))
    ours = value(z, names, tau, name="himulcon").item()
    assert ours == pytest.approx(naive_himulcon(z, labels, tau))
    for level, column in zip(("patent", "subclass", "class"), labels, strict=True):
        ours = value(z, names, tau, name="supcon", level=level).item()
        assert ours == pytest.approx(naive_supcon(z, column, tau))


@settings(max_examples=40, deadline=None)
@given(labelled(), st.sampled_from([(0.1, 0.1, 0.1), (0.05, 0.2, 0.5)]))
def test_levels_apart_are_the_double_loop(labels: Labels, taus: tuple[float, ...]) -> None:
    z = unit(len(labels[0]), 5)
    for scores in (SCORES, (1.0, 0.0, 0.5)):
        ours = value(z, tensor(labels), 9.0, normalise="apart", taus=taus, scores=scores)
        assert ours.item() == pytest.approx(naive_apart(z, labels, taus, scores), abs=1e-9)
    same = value(z, tensor(labels), 0.1, normalise="apart")
    assert same.item() == pytest.approx(naive_apart(z, labels, (0.1,) * 3, SCORES), abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(labelled(), st.data())
def test_a_fourth_level_goes_between(labels: Labels, data: st.DataObject) -> None:
    n, scores = len(labels[0]), (1.0, 0.7, 0.5, 0.25)
    name = data.draw(st.lists(st.integers(-1, 2), min_size=n, max_size=n))
    four: Labels = (labels[0], name, *labels[1:])
    z = unit(n, 5)
    ours = value(z, tensor(four), 0.2, scores=scores).item()
    assert ours == pytest.approx(naive_hierarchical(z, four, 0.2, "joint", scores), abs=1e-9)
    ours = value(z, tensor(four), 0.2, scores=scores, name="himulcon").item()
    assert ours == pytest.approx(naive_himulcon(z, four, 0.2))
    ours = value(z, tensor(four), 0.2, scores=scores, name="supcon", level="name").item()
    assert ours == pytest.approx(naive_supcon(z, name, 0.2))


def test_anchors_are_weighed() -> None:
    """A weight of two is an anchor counted twice, one of zero an anchor that is only looked at."""
    z, recipe = unit(7, 8), LossRecipe()
    (term,) = LOSSES["hierarchical"](z, SEVEN, 0.1, recipe)
    weight = torch.tensor([2.0, 1.0, 0.0, 0.0, 1.0, 5.0, 5.0])
    expected = (2 * term.loss[0] + term.loss[1] + term.loss[4]) / 4
    assert reduce([term], weight).item() == pytest.approx(expected.item())
    assert reduce([term], torch.zeros(7)).item() == 0.0


SEVEN = tensor(
    ([0, 0, 1, 1, 2, 3, 4], [0, 0, 0, 0, 1, -1, -1], [0, 0, 0, 0, 0, -1, -1]),
)
every_loss = pytest.mark.parametrize(
    "settings", [{"name": name} for name in LOSSES] + [{"normalise": "apart"}], ids=str
)


@every_loss
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_narrow_types_agree_with_float64(settings: Settings, dtype: torch.dtype) -> None:
    z = unit(7, 16).to(dtype)
    narrow = value(z.requires_grad_(), SEVEN, 0.02, **settings)
    wide = value(z.double(), SEVEN, 0.02, **settings)
    assert narrow.dtype == torch.float32
    assert narrow.item() == pytest.approx(wide.item(), rel=1e-4)
    narrow.backward()  # type: ignore[no-untyped-call]
    assert z.grad is not None
    assert z.grad.isfinite().all()


@every_loss
def test_gradient_is_right(settings: Settings) -> None:
    z = unit(7, 4).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: value(x, SEVEN, 0.3, **settings), (z,))


@every_loss
def test_nothing_positive_is_zero_with_a_zero_gradient(settings: Settings) -> None:
    z = unit(3, 4).requires_grad_()
    nothing = value(z, tensor(([0, 1, 2], [-1] * 3, [-1] * 3)), **settings)
    nothing.backward()  # type: ignore[no-untyped-call]
    assert nothing.item() == 0.0
    assert z.grad is not None
    assert (z.grad == 0).all()


def test_two_unknown_labels_are_not_alike() -> None:
    z = unit(4, 4)
    pairs = tensor(([0, 0, 1, 1], [-1] * 4, [-1] * 4))
    with_unknown = value(z, pairs, 0.2)
    patents_only = value(z, pairs, 0.2, scores=(1.0, 0.0, 0.0))
    assert with_unknown.item() == patents_only.item()


def test_with_one_positive_each_patent_score_alone_is_infonce() -> None:
    z, pairs = unit(6, 8), tensor(([0, 0, 1, 1, 2, 2], [0] * 6, [0] * 6))
    ours = value(z, pairs, scores=(1.0, 0.0, 0.0))
    assert ours.item() == pytest.approx(value(z, pairs, name="infonce").item())


def test_levels_cannot_drown_each_other() -> None:
    """With 30 class mates, joint targets give the patent 1/8.5; per level it keeps 1/1.25."""
    n = 32
    patent = torch.tensor([0, 0, *range(1, n - 1)])
    subclass, klass = torch.arange(n), torch.zeros(n, dtype=torch.int64)
    subclass[1] = 0
    labels = torch.stack((patent, subclass, klass), 1)
    z = unit(n, 8).requires_grad_()
    pull = {}
    for normalise in ("joint", "level"):
        loss = value(z, labels, 1.0, normalise=normalise)
        (gradient,) = torch.autograd.grad(loss, z)
        pull[normalise] = -(gradient[0] @ z[1]).item()
    assert pull["level"] > 4 * pull["joint"] > 0


def test_prefix_term_adds_the_loss_of_short_embeddings() -> None:
    z = unit(7, 8, torch.float32)
    plain = ContrastiveLoss(LossRecipe(tau=0.2))
    both = ContrastiveLoss(LossRecipe(tau=0.2, prefixes=(2, 4), prefix_weight=0.5))
    short = [plain(F.normalize(z[:, :d], dim=1), SEVEN) for d in (2, 4)]
    expected = plain(z, SEVEN) + 0.5 * torch.stack(short).mean()
    assert both(z, SEVEN).item() == pytest.approx(expected.item())


def test_learned_temperature_moves_and_stays_in_bounds() -> None:
    loss = ContrastiveLoss(LossRecipe(tau=0.1, learn_tau=True))
    loss(unit(7, 8, torch.float32), SEVEN).backward()
    assert loss.log_tau.grad is not None
    assert loss.log_tau.grad != 0
    loss.log_tau.data.fill_(-50.0)
    assert loss.tau.item() == pytest.approx(0.01)
