"""A small student learns what a large teacher sees.

Two terms, each weighed against the contrastive loss, both without labels:

- *regression*: the student's embedding points where the teacher's does: the mean of 1 − cos. A
  wider teacher is narrowed to its principal axes (`teacher.narrowed`); to a narrower one leads a
  learned linear map.
- *relation* (Fang et al. 2021, SEED, eq. 3; Tejankar et al. 2021, ISD): the student's similarity
  distribution over the other drawings of the batch and a queue of past ones is the teacher's:
  the cross-entropy between softmax(teacher / τ_t) and softmax(student / τ_s).

Every augmented view of a drawing has the teacher's embedding of the drawing itself: what
augmentation changes is what the student must not see, and one embedding a drawing can be cached.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from edgepatent_train.losses import ContrastiveLoss
from edgepatent_train.recipe import DistillRecipe, LossRecipe


class DistillLoss(nn.Module):
    """The contrastive loss and the teacher's two terms, weighed as the recipe says.

    ``student`` and ``teacher`` are embedding dimensions. The queue is part of the state, so that
    a resumed run goes on with it; in several processes it is the same in each, since all of them
    see the whole batch.
    """

    queue_student: Tensor
    queue_teacher: Tensor
    filled: Tensor

    def __init__(
        self, loss: LossRecipe, recipe: DistillRecipe, *, student: int, teacher: int
    ) -> None:
        super().__init__()
        self.labelled = ContrastiveLoss(loss)
        self.recipe = recipe
        self.project: nn.Module = nn.Identity()
        if recipe.regression and student != teacher:
            self.project = nn.Linear(student, teacher, bias=False)
        self.register_buffer("queue_student", torch.zeros(recipe.queue, student))
        self.register_buffer("queue_teacher", torch.zeros(recipe.queue, teacher))
        self.register_buffer("filled", torch.zeros((), dtype=torch.int64))

    def forward(
        self, z: Tensor, patent: Tensor, subclass: Tensor, klass: Tensor, teacher: Tensor
    ) -> Tensor:
        """The loss of student embeddings z [N, D] and teacher embeddings [N, T], unit length."""
        loss = z.new_zeros(())
        if self.recipe.labels:
            loss = loss + self.recipe.labels * self.labelled(z, patent, subclass, klass)
        if self.recipe.regression:
            cosine = F.cosine_similarity(self.project(z), teacher, dim=1)
            loss = loss + self.recipe.regression * (1 - cosine).mean()
        if self.recipe.relation:
            past = slice(0, int(self.filled))
            among = torch.cat((z, self.queue_student[past]))
            told = torch.cat((teacher, self.queue_teacher[past]))
            loss = loss + self.recipe.relation * relation(
                z @ among.T, teacher @ told.T, self.recipe.student_tau, self.recipe.teacher_tau
            )
            self._remember(z.detach(), teacher)
        return loss

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
