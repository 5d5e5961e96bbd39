"""What is trained on, and in what order."""

from collections.abc import Mapping

import numpy as np
import torch
from msgspec.structs import replace
from torch import Tensor

from edgepatent_runtime.errors import TrainingError
from edgepatent_train.data import DrawingSet, Ints
from edgepatent_train.mixing import mixed_batches
from edgepatent_train.recipe import Recipe
from edgepatent_train.sampler import epoch_batches
from edgepatent_train.split import held_out


class Curriculum:
    """The drawings to train on, those held out, and the batches of every epoch.

    ``held`` has drawings of whole patents, named in ``held_patents``. An epoch has
    ``epoch_steps`` batches, the same number in every epoch, so that the schedule is known from
    the start; 0 where the recipe asks for no epochs. Where only a teacher is listened to, labels
    decide nothing: a batch is as many different drawings, at random. ``resized`` holds the same
    drawings at the recipe's other sizes.
    """

    def __init__(
        self, recipe: Recipe, drawings: DrawingSet, resized: Mapping[int, DrawingSet] | None = None
    ) -> None:
        self.recipe = recipe
        judged = [r for r, s in zip(drawings.records, drawings.source, strict=True)
                  if not recipe.sources or recipe.sources[s].holdout]  # fmt: skip
        self.held_patents = held_out(judged, recipe.evaluation.holdout, recipe.seed)
        outside = np.array([r.patent_id in self.held_patents for r in drawings.records])
        inside = np.flatnonzero(~outside)
        self.training = drawings.subset(inside)
        self._resized = {recipe.model.size: self.training}
        for size, others in (resized or {}).items():
            if others.records != drawings.records:
                raise TrainingError("the drawings changed while they were read: start again")
            self._resized[size] = others.subset(inside)
        self.held = drawings.subset(np.flatnonzero(outside))
        self.epoch_steps = 0
        self.sampler = recipe.sampler
        self._sampled = (self.training.patent, self._kind(), self.training.klass)
        self.needs_labels = not recipe.distill.teachers or recipe.distill.labels > 0
        if not self.needs_labels:
            views, patents = self.sampler.views, self.sampler.patents
            self.sampler = replace(self.sampler, views=1, patents=patents * views)
            nothing = np.full(len(self.training), -1)
            self._sampled = (np.arange(len(self.training)), nothing, nothing)
        self._sizes: list[int] = []
        if recipe.optimizer.epochs:
            self._sizes = [len(batch) for batch in self.batches(0)]
            self.epoch_steps = len(self._sizes)

    def _kind(self) -> Ints:
        """What holds patents together below the class [N]: the name where it is a level and others
        have it too, else the subclass."""
        if "name" not in self.recipe.loss.levels:
            return self.training.subclass
        name, subclass = self.training.level("name"), self.training.subclass
        common = (name >= 0) & (np.bincount(name[name >= 0], minlength=1)[name] > 1)
        return np.where(common, name + subclass.max() + 1, subclass)

    def labels(self) -> tuple[Tensor, Tensor]:
        """Of each training drawing its labels, int64 [N, L], finest level first, −1 unknown, and
        its weight as an anchor of the loss, float32 [N]."""
        columns = [self.training.level(level) for level in self.recipe.loss.levels]
        weights = [source.loss for source in self.recipe.sources] or [1.0]
        weight = torch.tensor(weights)[torch.from_numpy(self.training.source)]
        return torch.from_numpy(np.stack(columns, 1)), weight

    def drawings(self, epoch: int) -> DrawingSet:
        """The training drawings at the size of an epoch (from 0)."""
        sizes = self.recipe.optimizer.sizes or (self.recipe.model.size,)
        return self._resized[sizes[epoch * len(sizes) // self.recipe.optimizer.epochs]]

    def batches(self, epoch: int) -> list[Ints]:
        """The batches of an epoch (from 0), as row numbers of the training drawings."""
        wanted = self.recipe.optimizer.epoch_steps or self.epoch_steps
        if self.recipe.sources:
            return mixed_batches(
                self.training.source,
                *self._sampled,
                self.recipe.sources,
                self.sampler,
                count=wanted,
                seed=(self.recipe.seed, epoch),
            )
        found: list[Ints] = []
        turn = 0
        while not found or len(found) < wanted:
            found += epoch_batches(
                *self._sampled,
                self.sampler,
                seed=(self.recipe.seed, epoch, turn),
            )
            turn += 1
        return found[: wanted or None]

    def remarks(self, processes: int) -> list[str]:
        """What these data cannot teach, a line each.

        Raises `TrainingError` for data that cannot be trained on at all.
        """
        patents = len(np.unique(self._sampled[0]))
        if patents < 2:
            raise TrainingError(
                f"the data leave {patents} patent to train on: a contrastive loss needs two"
                if self.needs_labels
                else "the data leave one drawing to train on: a teacher compares two"
            )
        if min(self._sizes) < processes:
            raise TrainingError(f"the data give batches too small for {processes} processes")
        found = []
        if self.needs_labels:
            if len(self.training) == patents:
                found.append(
                    "every patent has one drawing: its only positives are augmented copies of "
                    "itself"
                )
            if (self.training.klass < 0).all() and (self.training.subclass < 0).all():
                found.append("no drawing has a class: the loss sees patents only")
        if max(self._sizes) < self.recipe.sampler.batch:
            found.append(
                f"the data fill batches of {max(self._sizes)} drawings, the recipe asks for "
                f"{self.recipe.sampler.batch}"
            )
        return found
