"""Contrastive losses for drawings with labels at three levels, on one interface.

Each takes unit-length embeddings ``z`` [N, D] and int64 labels [N] of patent, subclass and class,
−1 where unknown, and gives the mean over those anchors that have a positive: a scalar, 0 (with a
gradient of zeros) where none has. An unknown label is similar to nothing, not even to another
unknown one. Half precision is summed in float32; float64 stays float64.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from edgepatent_train.recipe import LossRecipe

Loss = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
LEVELS = ("patent", "subclass", "class")


def same(labels: Tensor) -> Tensor:
    """[N] → [N, N] bool: equal and known labels, the diagonal left out."""
    equal = (labels[:, None] == labels[None, :]) & (labels >= 0)[:, None]
    return equal.fill_diagonal_(False)


def levels(patent: Tensor, subclass: Tensor, klass: Tensor) -> Tensor:
    """[3, N, N] bool: for each pair the one closest level that applies, finest first."""
    first = same(patent)
    second = same(subclass) & ~first
    third = same(klass) & ~first & ~second
    return torch.stack((first, second, third))


def hierarchical(
    z: Tensor,
    patent: Tensor,
    subclass: Tensor,
    klass: Tensor,
    *,
    scores: tuple[float, float, float] = (1.0, 0.5, 0.25),
    tau: float | Tensor = 0.1,
    normalise: str = "joint",
) -> Tensor:
    """Hierarchical multi-positive contrastive loss: our reading of the idea.

    The closest level that two drawings share gives their score s_ij. Targets
    p_ij = s_ij / Σ_{k≠i} s_ik; the model gives q_ij = softmax_{j≠i}(z_i·z_j / τ); the loss is
    −Σ_j p_ij log q_ij. ``normalise`` is how targets are made: ``joint`` as above; ``level``
    spreads each level's score evenly over that level's positives before the sum is taken to 1,
    so that a crowd of class mates cannot drown the patent; ``none`` takes s_ij as weights. With
    scores (1, 0, 0) and one positive each it is InfoNCE. The published scores, normalisation and
    temperature are unknown to us.
    """
    closest = levels(patent, subclass, klass)
    log_q = _log_softmax(z, tau)
    weight = log_q.new_tensor(scores).view(3, 1, 1)
    if normalise == "level":
        crowd = closest.sum(2, keepdim=True).clamp(min=1)
        target = (closest * weight / crowd).sum(0)
    else:
        target = (closest * weight).sum(0)
    total = target.sum(1, keepdim=True)
    if normalise != "none":
        target = target / total.where(total > 0, 1)
    return _mean_over(-(target * log_q).sum(1), total[:, 0] > 0)


def infonce(
    z: Tensor, patent: Tensor, subclass: Tensor, klass: Tensor, *, tau: float | Tensor = 0.1
) -> Tensor:
    """InfoNCE (van den Oord et al. 2018, eq. 4) over pairs of views of one patent.

    Each positive stands against all drawings of other patents; further views of the anchor's own
    patent are left out of the denominator. The mean over an anchor's positives, then over anchors.
    """
    positive = same(patent)
    logits = _similarity(z) / tau
    own = positive | torch.eye(len(z), dtype=torch.bool, device=z.device)
    negatives = torch.logsumexp(logits.masked_fill(own, -torch.inf), 1, keepdim=True)
    log_q = logits - torch.logaddexp(logits, negatives)
    count = positive.sum(1)
    return _mean_over(-(log_q * positive).sum(1) / count.clamp(min=1), count > 0)


def supcon(
    z: Tensor,
    patent: Tensor,
    subclass: Tensor,
    klass: Tensor,
    *,
    tau: float | Tensor = 0.1,
    level: str = "patent",
) -> Tensor:
    """Supervised contrastive loss (Khosla et al. 2020, eq. 2, L_out) on the labels of one level."""
    labels = {"patent": patent, "subclass": subclass, "class": klass}[level]
    return _supervised(_log_softmax(z, tau), same(labels))


def himulcon(
    z: Tensor, patent: Tensor, subclass: Tensor, klass: Tensor, *, tau: float | Tensor = 0.1
) -> Tensor:
    """Hierarchical multi-label contrastive loss (Zhang et al. 2022, eq. 3, without the constraint).

    The mean over the three levels of λ_l times the supervised contrastive loss whose positives
    share the label of level l; λ_l = exp(1 / (3 − l)) with l = 0 for the class, 2 for the patent.
    """
    log_q = _log_softmax(z, tau)
    total = log_q.new_zeros(())
    for depth, labels in enumerate((klass, subclass, patent)):
        penalty = torch.exp(log_q.new_tensor(1.0 / (3 - depth)))
        total = total + penalty * _supervised(log_q, same(labels))
    return total / 3


def _supervised(log_q: Tensor, positive: Tensor) -> Tensor:
    """−mean over an anchor's positives of log q, averaged over anchors that have one."""
    count = positive.sum(1)
    return _mean_over(-(log_q * positive).sum(1) / count.clamp(min=1), count > 0)


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


def _mean_over(loss: Tensor, anchors: Tensor) -> Tensor:
    """The mean of loss [N] over the anchors that count, 0 if there is none."""
    return loss.where(anchors, 0.0).sum() / anchors.sum().clamp(min=1)


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

    def forward(self, z: Tensor, patent: Tensor, subclass: Tensor, klass: Tensor) -> Tensor:
        """The scalar loss of a batch."""
        loss = self._single(z, patent, subclass, klass)
        if self.recipe.prefixes:
            short = [
                self._single(F.normalize(z[:, :d], dim=1), patent, subclass, klass)
                for d in self.recipe.prefixes
            ]
            loss = loss + self.recipe.prefix_weight * torch.stack(short).mean()
        return loss

    def _single(self, z: Tensor, patent: Tensor, subclass: Tensor, klass: Tensor) -> Tensor:
        recipe = self.recipe
        if recipe.name == "hierarchical":
            return hierarchical(
                z,
                patent,
                subclass,
                klass,
                scores=recipe.scores,
                tau=self.tau,
                normalise=recipe.normalise,
            )
        plain = {"infonce": infonce, "supcon": supcon, "himulcon": himulcon}[recipe.name]
        return plain(z, patent, subclass, klass, tau=self.tau)
