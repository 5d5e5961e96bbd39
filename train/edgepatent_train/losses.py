"""Contrastive losses for drawings with labels at several levels, on one interface.

A loss takes unit-length embeddings ``z`` [N, D], int64 labels [N, L] (finest level first: patent,
subclass, class; −1 where unknown), the temperature τ and the recipe's ``[loss]``. It gives one or
several `Term`s, each with a loss for every anchor; `reduce` is what makes them one number: for each
term the mean over the anchors that have a positive, 0 (with a gradient of zeros) where none has. An
unknown label is similar to nothing, not even to another unknown one. Half precision is summed in
float32; float64 stays float64.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from edgepatent_train.recipe import LossName, LossRecipe


class Term(NamedTuple):
    """The losses of the anchors [N], which of them have a positive [N], the term's factor."""

    loss: Tensor
    anchors: Tensor
    factor: float = 1.0


Loss = Callable[[Tensor, Tensor, float | Tensor, LossRecipe], list[Term]]


def same(labels: Tensor) -> Tensor:
    """[N] → [N, N] bool: equal and known labels, the diagonal left out."""
    equal = (labels[:, None] == labels[None, :]) & (labels >= 0)[:, None]
    return equal.fill_diagonal_(False)


def closest(labels: Tensor) -> Tensor:
    """Labels [N, L] → [L, N, N] bool: for each pair the one closest level that applies."""
    found: list[Tensor] = []
    taken = torch.zeros((len(labels),) * 2, dtype=torch.bool, device=labels.device)
    for column in labels.unbind(1):
        found.append(same(column) & ~taken)
        taken = taken | found[-1]
    return torch.stack(found)


def hierarchical(z: Tensor, labels: Tensor, tau: float | Tensor, recipe: LossRecipe) -> list[Term]:
    """Hierarchical multi-positive contrastive loss: our reading of the idea.

    The closest level that two drawings share gives their score s_ij. Targets
    p_ij = s_ij / Σ_{k≠i} s_ik; the model gives q_ij = softmax_{j≠i}(z_i·z_j / τ); the loss is
    −Σ_j p_ij log q_ij. ``normalise`` is how targets are made: ``joint`` as above; ``level``
    spreads each level's score evenly over that level's positives before the sum is taken to 1,
    so that a crowd of class mates cannot drown the patent; ``none`` takes s_ij as weights;
    ``apart`` is `_apart`. With scores (1, 0, 0) and one positive each it is InfoNCE. The published
    scores, normalisation and temperature are unknown to us.
    """
    pairs = closest(labels)
    if recipe.normalise == "apart":
        return _apart(z, pairs, tau, recipe)
    log_q = _log_softmax(z, tau)
    weight = log_q.new_tensor(recipe.scores).view(-1, 1, 1)
    if recipe.normalise == "level":
        crowd = pairs.sum(2, keepdim=True).clamp(min=1)
        target = (pairs * weight / crowd).sum(0)
    else:
        target = (pairs * weight).sum(0)
    total = target.sum(1, keepdim=True)
    if recipe.normalise != "none":
        target = target / total.where(total > 0, 1)
    return [Term(-(target * log_q).sum(1), total[:, 0] > 0)]


def _apart(z: Tensor, pairs: Tensor, tau: float | Tensor, recipe: LossRecipe) -> list[Term]:
    """Each level a loss of its own, each with its own temperature where the recipe has ``taus``.

    The level's positives, all alike, stand against the drawings that are further away: those of
    finer levels are left out of the denominator, so that no level undoes the one before it. An
    anchor's loss is the mean over the levels at which it has a positive, weighed by their scores.
    """
    taus = recipe.taus or (tau,) * len(pairs)
    similarity = _similarity(z)
    closer = torch.eye(len(z), dtype=torch.bool, device=z.device)
    loss = similarity.new_zeros(len(z))
    total = similarity.new_zeros(len(z))
    for positive, score, own_tau in zip(pairs, recipe.scores, taus, strict=True):
        logits = (similarity / own_tau).masked_fill(closer, -torch.inf)
        count = positive.sum(1)
        # Where nothing further away is left there is no positive either: keep its log finite.
        logits = logits.masked_fill((count == 0)[:, None], 0.0)
        log_q = F.log_softmax(logits, dim=1).masked_fill(~positive, 0.0)
        loss = loss - score * log_q.sum(1) / count.clamp(min=1)
        total = total + score * (count > 0)
        closer = closer | positive
    return [Term(loss / total.where(total > 0, 1), total > 0)]


def infonce(z: Tensor, labels: Tensor, tau: float | Tensor, recipe: LossRecipe) -> list[Term]:
    """InfoNCE (van den Oord et al. 2018, eq. 4) over pairs of views of one patent.

    Each positive stands against all drawings of other patents; further views of the anchor's own
    patent are left out of the denominator. The mean over an anchor's positives.
    """
    positive = same(labels[:, 0])
    logits = _similarity(z) / tau
    own = positive | torch.eye(len(z), dtype=torch.bool, device=z.device)
    negatives = torch.logsumexp(logits.masked_fill(own, -torch.inf), 1, keepdim=True)
    log_q = logits - torch.logaddexp(logits, negatives)
    count = positive.sum(1)
    return [Term(-(log_q * positive).sum(1) / count.clamp(min=1), count > 0)]


def supcon(z: Tensor, labels: Tensor, tau: float | Tensor, recipe: LossRecipe) -> list[Term]:
    """Supervised contrastive loss (Khosla et al. 2020, eq. 2, L_out) on the labels of one level."""
    column = labels[:, recipe.levels.index(recipe.level)]
    return [_supervised(_log_softmax(z, tau), same(column))]


def himulcon(z: Tensor, labels: Tensor, tau: float | Tensor, recipe: LossRecipe) -> list[Term]:
    """Hierarchical multi-label contrastive loss (Zhang et al. 2022, eq. 3, without the constraint).

    The mean over the L levels of λ_l times the supervised contrastive loss whose positives share
    the label of level l; λ_l = exp(1 / (L − l)) with l = 0 for the class, L − 1 for the patent.
    """
    log_q, count = _log_softmax(z, tau), labels.shape[1]
    return [
        _supervised(log_q, same(column), math.exp(1 / (index + 1)) / count)
        for index, column in enumerate(labels.unbind(1))
    ]


def reduce(terms: Sequence[Term], weight: Tensor | None = None) -> Tensor:
    """The scalar of some terms; ``weight`` [N] weighs the anchors against each other."""
    total = terms[0].loss.new_zeros(())
    for loss, anchors, factor in terms:
        share = anchors.to(loss.dtype) if weight is None else anchors * weight.to(loss.dtype)
        mass = share.sum()
        mean = (loss.where(anchors, 0.0) * share).sum() / mass.where(mass > 0, 1)
        total = total + factor * mean
    return total


def _supervised(log_q: Tensor, positive: Tensor, factor: float = 1.0) -> Term:
    """−mean over an anchor's positives of log q."""
    count = positive.sum(1)
    return Term(-(log_q * positive).sum(1) / count.clamp(min=1), count > 0, factor)


def _similarity(z: Tensor) -> Tensor:
    """Inner products [N, N]; half precision is widened, since exp(1/τ) overflows it."""
    if z.dtype in (torch.float16, torch.bfloat16):
        z = z.float()
    return z @ z.T


def _log_softmax(z: Tensor, tau: float | Tensor) -> Tensor:
    """log q [N, N] over j ≠ i, with 0 on the diagonal: −∞ times a zero target would be NaN."""
    diagonal = torch.eye(len(z), dtype=torch.bool, device=z.device)
    logits = (_similarity(z) / tau).masked_fill(diagonal, -torch.inf)
    return F.log_softmax(logits, dim=1).masked_fill(diagonal, 0.0)


LOSSES: dict[LossName, Loss] = {
    "hierarchical": hierarchical,
    "infonce": infonce,
    "supcon": supcon,
    "himulcon": himulcon,
}


class ContrastiveLoss(nn.Module):
    """The loss that a recipe asks for, with its temperature and its prefix term.

    A learned τ is kept in [0.01, 1] through its logarithm. The prefix term (Kusupati et al.
    2022, Matryoshka) is the mean of the same loss over leading dimensions taken to unit length.
    """

    def __init__(self, recipe: LossRecipe) -> None:
        super().__init__()
        self.recipe = recipe
        log_tau = torch.tensor(recipe.tau).log()
        self.log_tau = nn.Parameter(log_tau, requires_grad=recipe.learn_tau)

    @property
    def tau(self) -> Tensor:
        """The temperature."""
        if not self.recipe.learn_tau:
            return self.log_tau.exp()
        return self.log_tau.exp().clamp(0.01, 1.0)

    def forward(self, z: Tensor, labels: Tensor, weight: Tensor | None = None) -> Tensor:
        """The scalar loss of a batch; ``weight`` [N] weighs its anchors against each other."""
        loss = self._single(z, labels, weight)
        if self.recipe.prefixes:
            short = [
                self._single(F.normalize(z[:, :d], dim=1), labels, weight)
                for d in self.recipe.prefixes
            ]
            loss = loss + self.recipe.prefix_weight * torch.stack(short).mean()
        return loss

    def _single(self, z: Tensor, labels: Tensor, weight: Tensor | None) -> Tensor:
        return reduce(LOSSES[self.recipe.name](z, labels, self.tau, self.recipe), weight)
