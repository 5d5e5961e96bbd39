"""A small student learns what a large teacher sees.

Two terms for each space of a teacher, each weighed against the contrastive loss, both without
labels:

- *regression*: the student's embedding points where the teacher's does: the mean of 1 − cos. The
  vectors of a run or a timm network are narrowed to the student's dimensions (`teacher.narrowed`);
  to those of a file (`stored`) leads a linear map for each space, learned beside and thrown away.
- *relation* (Fang et al. 2021, SEED, eq. 3; Tejankar et al. 2021, ISD): the student's similarity
  distribution over the other drawings of the batch and a queue of past ones is the teacher's:
  the cross-entropy between softmax(teacher / τ_t) and softmax(student / τ_s).

Every augmented view of a drawing has the teacher's embedding of the drawing itself: what
augmentation changes is what the student must not see, and one embedding a drawing can be cached.
A drawing without a vector (zeros) has no part in that space's terms.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from edgepatent_train.losses import ContrastiveLoss
from edgepatent_train.recipe import DistillRecipe, LossRecipe


@dataclass(frozen=True)
class Told:
    """A space that a student listens to: its dimensions, its weight beside the other spaces, and
    whether a learned map leads to it even where the dimensions are the student's own."""

    dimensions: int
    weight: float = 1.0
    mapped: bool = False


class DistillLoss(nn.Module):
    """The contrastive loss and the terms of every space, weighed as the recipe says.

    ``student`` is the number of dimensions that listen: all of the embedding, or, where it has
    parts, the leading ones, taken to unit length.
    """

    def __init__(
        self, loss: LossRecipe, recipe: DistillRecipe, *, student: int, spaces: Sequence[Told]
    ) -> None:
        super().__init__()
        self.recipe, self.student = recipe, student
        self.labelled = ContrastiveLoss(loss)
        self.spaces = nn.ModuleList(SpaceLoss(recipe, student, space) for space in spaces)

    def forward(self, z: Tensor, labels: Tensor, weight: Tensor | None, *told: Tensor) -> Tensor:
        """The loss of student embeddings z [N, D] with labels [N, L] and weights [N] of the
        anchors, and of the teacher's vectors [N, T] in each space, unit length or zeros."""
        loss = z.new_zeros(())
        if self.recipe.labels:
            loss = loss + self.recipe.labels * self.labelled(z, labels, weight)
        if self.student < z.shape[1]:
            z = F.normalize(z[:, : self.student], dim=1)
        for space, vectors in zip(self.spaces, told, strict=True):
            loss = loss + space(z, vectors)
        return loss


class SpaceLoss(nn.Module):
    """Regression and relation to one space.

    The queue is part of the state, so that a resumed run goes on with it; in several processes it
    is the same in each, since all of them see the whole batch.
    """

    queue_student: Tensor
    queue_teacher: Tensor
    filled: Tensor

    def __init__(self, recipe: DistillRecipe, student: int, told: Told) -> None:
        super().__init__()
        self.recipe, self.weight = recipe, told.weight
        self.project: nn.Module = nn.Identity()
        if recipe.regression and (told.mapped or student != told.dimensions):
            self.project = nn.Linear(student, told.dimensions, bias=False)
        self.register_buffer("queue_student", torch.zeros(recipe.queue, student))
        self.register_buffer("queue_teacher", torch.zeros(recipe.queue, told.dimensions))
        self.register_buffer("filled", torch.zeros((), dtype=torch.int64))

    def forward(self, z: Tensor, teacher: Tensor) -> Tensor:
        """The weighed terms of z [N, D] and the teacher's vectors [N, T], zeros for none."""
        recipe, loss = self.recipe, z.new_zeros(())
        known = teacher.abs().sum(1) > 0
        z, teacher = z[known], teacher[known]
        if not len(z):
            return loss
        if recipe.regression:
            cosine = F.cosine_similarity(self.project(z), teacher, dim=1)
            loss = loss + recipe.regression * (1 - cosine).mean()
        if recipe.relation:
            past = slice(0, int(self.filled))
            among = torch.cat((z, self.queue_student[past]))
            told = torch.cat((teacher, self.queue_teacher[past]))
            if len(among) > 1:
                loss = loss + recipe.relation * relation(
                    z @ among.T, teacher @ told.T, recipe.student_tau, recipe.teacher_tau
                )
            self._remember(z.detach(), teacher)
        return self.weight * loss

    @torch.no_grad()
    def _remember(self, z: Tensor, teacher: Tensor) -> None:
        """Put the batch at the front of the queue; the oldest fall out."""
        size = self.recipe.queue
        if size:
            self.queue_student.copy_(torch.cat((z, self.queue_student))[:size])
            self.queue_teacher.copy_(torch.cat((teacher, self.queue_teacher))[:size])
            self.filled.fill_(min(size, int(self.filled) + len(z)))


def relation(student: Tensor, teacher: Tensor, student_tau: float, teacher_tau: float) -> Tensor:
    """Cross-entropy between two similarity distributions, from cosines [N, N + Q].

    Row i is drawing i against the batch (itself, at column i, left out) and against the queue.
    """
    itself = torch.zeros_like(student, dtype=torch.bool).fill_diagonal_(True)
    target = F.softmax((teacher / teacher_tau).masked_fill(itself, -torch.inf), dim=1)
    log_q = F.log_softmax((student / student_tau).masked_fill(itself, -torch.inf), dim=1)
    return -(target * log_q.masked_fill(itself, 0.0)).sum(1).mean()
