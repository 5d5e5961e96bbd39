"""The one training loop: resumable at any moment, on one process or several."""

import math
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import torch
from accelerate import Accelerator
from accelerate.utils import broadcast_object_list
from safetensors.torch import load_file
from torch import Tensor, nn

from edgepatent_runtime.bundle import SEEN
from edgepatent_runtime.errors import TrainingError
from edgepatent_runtime.progress import Progress
from edgepatent_runtime.seen import Seen, hashes
from edgepatent_train.backbone import earlier_runs
from edgepatent_train.checkpoint import (
    load_checkpoint,
    save_checkpoint,
    save_weights,
    write_atomic,
)
from edgepatent_train.curriculum import Curriculum
from edgepatent_train.data import DrawingSet
from edgepatent_train.distill import DistillLoss, Told
from edgepatent_train.evaluation import describe, evaluate_set
from edgepatent_train.heads import fit_head
from edgepatent_train.journal import Journal
from edgepatent_train.learner import Learner
from edgepatent_train.licences import licences
from edgepatent_train.loader import Batch, load_batches
from edgepatent_train.losses import ContrastiveLoss
from edgepatent_train.model import DrawingEncoder
from edgepatent_train.recipe import Recipe
from edgepatent_train.recipe_file import dump_recipe
from edgepatent_train.run import (
    BEST,
    DATA,
    LAST,
    MODEL,
    RECIPE,
    Run,
    RunData,
)
from edgepatent_train.stored import Space
from edgepatent_train.teacher import listen

LOG_STEPS = 10
QUIET_SECONDS = 10.0
Notify = Callable[[str], None]


class Loop:
    """The steps, scores and checkpoints of one run, from its folder's last state to its end."""

    def __init__(
        self,
        recipe: Recipe,
        encoder: DrawingEncoder,
        drawings: DrawingSet,
        lessons: Curriculum,
        out: Path,
        accelerator: Accelerator,
        journal: Journal,
        notify: Notify,
        progress: Progress,
        *,
        resume: bool,
    ) -> None:
        self.recipe, self.out, self.accelerator = recipe, out, accelerator
        self.journal, self.notify, self.progress = journal, notify, progress
        self.drawings = drawings
        self.lessons = lessons
        if recipe.optimizer.epochs:
            for remark in self.lessons.remarks(accelerator.num_processes):
                notify(remark)
        # What each step needs to know of its drawings, by their numbers: labels, weights, and what
        # teachers say.
        self.known: list[Tensor | Space] = list(self.lessons.labels())
        loss: nn.Module = ContrastiveLoss(recipe.loss)
        told = self._teachers() if recipe.distill.teachers else []
        if told:
            self.known += [vectors for _, vectors in told]
            loss = DistillLoss(
                recipe.loss,
                recipe.distill,
                student=recipe.kin.dimensions or recipe.model.dimensions,
                spaces=[space for space, _ in told],
            )
        if (recipe.model.head != "linear" or recipe.kin.dimensions) and not resume:
            notify(f"fitting the {recipe.model.head} head on the training drawings")
            fit_head(encoder, recipe, self.lessons.training, told, progress)
        self.total, self.step = self.lessons.epoch_steps * recipe.optimizer.epochs, 0
        self.learner = Learner(encoder, loss, recipe.optimizer, self.total, accelerator)
        self.best: float | None = None
        self.waited = 0
        self.spoke = -math.inf

    def _teachers(self) -> list[tuple[Told, Tensor | Space]]:
        """What the teachers say of all training drawings."""
        with self.accelerator.main_process_first():
            return listen(
                self.recipe.distill,
                self.lessons.training,
                self.recipe.kin.dimensions or self.recipe.model.dimensions,
                self.progress,
                self.notify,
            )

    def run(self, sources: list[str] | None) -> None:
        """Train to the end, or until the scores stop rising; write the final weights.

        A new run notes its ``sources``; None goes on from the last checkpoint.
        """
        if sources is None:
            self._take_up()
        else:
            self._begin(sources)
        while self.step < self.total and not self._patience_gone():
            epoch, done = divmod(self.step, self.lessons.epoch_steps)
            self._epoch(epoch, done)
            if (epoch + 1) % self.recipe.evaluation.every == 0 or self.step == self.total:
                self._evaluate()
            self._checkpoint()
        self._finish()

    def _begin(self, sources: list[str]) -> None:
        """Make the run folder; the recipe last, since it is what makes a folder a run."""
        main = self.accelerator.is_main_process
        if main:
            earlier = [Run.open(folder) for folder in earlier_runs(self.recipe.model)]
            data = RunData(
                sources=sources,
                drawings=len(self.drawings),
                patents=len(np.unique(self.drawings.patent)),
                held_out=sorted(self.lessons.held_patents),
                digest=self.drawings.digest,
                earlier=[run.told() for run in earlier],
                licences=licences(sources),
            )
            write_atomic(self.out / DATA, msgspec.json.encode(data))
            write_atomic(self.out / SEEN, self._seen(earlier).to_bytes())
            self.journal.begin(-1)
        self._evaluate()
        self._checkpoint()
        if main:
            write_atomic(self.out / RECIPE, dump_recipe(self.recipe).encode())

    def _seen(self, earlier: Sequence[Run]) -> Seen:
        """The drawings that the weights will come from: this run's, and those of runs before it."""
        training = self.lessons.training

        def drawings() -> Iterator[npt.NDArray[np.uint8]]:
            for row in range(len(training)):
                if row % 256 == 0:
                    self.progress("hashing drawings", row, len(training))
                yield training.pixels(row)

        seen = Seen({self.recipe.model.size: hashes(drawings())})
        for run in earlier:
            before = run.seen()
            seen = seen.joined(before) if before else seen
        return seen

    def _take_up(self) -> None:
        """Go on from the last checkpoint."""
        begun = Run.open(self.out).data
        if begun.digest != self.drawings.digest:
            raise TrainingError(
                f"the drawings are not those that {self.out} was begun with ({begun.drawings} "
                f"drawings of {begun.patents} patents): choose another --out"
            )
        state = load_checkpoint(self.out / LAST)
        self.learner.load_state(state["learner"])
        self.step, self.best, self.waited = state["step"], state["best"], state["waited"]
        if self.accelerator.is_main_process:
            self.journal.begin(self.step)
        self.notify(f"going on from step {self.step} of {self.total}")

    def _patience_gone(self) -> bool:
        patience = self.recipe.evaluation.patience
        return bool(patience) and self.waited >= patience

    def _epoch(self, epoch: int, skip: int) -> None:
        batches = load_batches(
            self.lessons.drawings(epoch),
            self.lessons.batches(epoch),
            self.recipe.augment,
            seed=(self.recipe.seed, epoch),
            skip=skip,
            rank=self.accelerator.process_index,
            world=self.accelerator.num_processes,
            workers=self.recipe.optimizer.workers,
        )
        began, seen, losses = time.monotonic(), 0, []
        for batch in batches:
            loss, norm = self._step(batch)
            losses.append(loss)
            seen += len(batch.rows)
            self.progress("training steps", self.step, self.total)
            if self.step % LOG_STEPS == 0 or self.step == self.total:
                seconds = time.monotonic() - began
                self._log_steps(epoch, losses, norm, seen / seconds, seconds / len(losses))
                began, seen, losses = time.monotonic(), 0, []
            if self.step % self.recipe.optimizer.checkpoint_steps == 0:
                self._checkpoint()

    def _step(self, batch: Batch) -> tuple[float, float]:
        # Seeded anew at every step: dropout needs no saved state to go on as it would have.
        seeds = (self.recipe.seed, self.step, self.accelerator.process_index)
        torch.manual_seed(int(np.random.SeedSequence(seeds).generate_state(1)[0]))
        rows = torch.from_numpy(batch.rows)
        known = tuple(each[rows] for each in self.known)
        loss, norm = self.learner.step(self.step, batch.pixels, known)
        if not (math.isfinite(loss) and math.isfinite(norm)):
            names = ", ".join(
                str(self.lessons.training.records[row].image) for row in batch.rows[:3]
            )
            raise TrainingError(
                f"loss {loss} with gradient norm {norm} at step {self.step + 1}, in the batch of "
                f"{len(batch.rows)} drawings with {names}: lower optimizer.lr or raise loss.tau; "
                f"the last checkpoint is kept in {self.out}"
            )
        self.step += 1
        return loss, norm

    def _log_steps(
        self, epoch: int, losses: list[float], norm: float, rate: float, pace: float
    ) -> None:
        self._log(
            epoch=epoch,
            loss=float(np.mean(losses)),
            learning_rate=self.learner.learning_rate,
            gradient_norm=norm,
            drawings_per_second=rate,
        )
        if self.step < self.total and time.monotonic() - self.spoke < QUIET_SECONDS:
            return
        self.spoke = time.monotonic()
        self.notify(
            f"epoch {epoch + 1}/{self.recipe.optimizer.epochs} step {self.step}/{self.total} loss "
            f"{np.mean(losses):.4f}, {rate:.0f} drawings/s, "
            f"{_duration((self.total - self.step) * pace)} left"
        )

    def _evaluate(self) -> None:
        """Score the held-out patents; keep the weights if they are the best so far."""
        if len(self.lessons.held) < 2:
            return
        score: list[Any] = [None]
        if self.accelerator.is_main_process:
            scores = evaluate_set(self.learner.averaged, self.lessons.held, self.progress)
            self._log(evaluation=msgspec.to_builtins(scores))
            self.notify(f"step {self.step}: {describe(scores)}")
            score[0] = scores.levels[self.recipe.evaluation.level].map
        value = float(broadcast_object_list(score)[0])
        if math.isnan(value):
            return
        if self.best is not None and value <= self.best:
            self.waited += 1
            return
        self.best, self.waited = value, 0
        if self.accelerator.is_main_process:
            save_weights(self.out / BEST, self.learner.averaged.state_dict())

    def _checkpoint(self) -> None:
        if self.accelerator.is_main_process:
            state = {
                "step": self.step,
                "best": self.best,
                "waited": self.waited,
                "learner": self.learner.state(),
            }
            save_checkpoint(self.out / LAST, state)
        self.accelerator.wait_for_everyone()

    def _finish(self) -> None:
        """Write the best or the last weights, mixed with the initial ones where asked."""
        if self.accelerator.is_main_process:
            weights = self.learner.averaged.state_dict()
            if self.recipe.evaluation.keep == "best" and self.best is not None:
                weights = load_file(self.out / BEST)
            if self.recipe.optimizer.interpolate < 1:
                weights = self.learner.mixed(weights)
                self.learner.encoder.load_state_dict(weights)
                if len(self.lessons.held) >= 2:
                    scores = evaluate_set(self.learner.encoder, self.lessons.held, self.progress)
                    self._log(evaluation=msgspec.to_builtins(scores))
                    self.notify(f"interpolated: {describe(scores)}")
            save_weights(self.out / MODEL, weights)
            shutil.rmtree(self.out / "checkpoints")
        self.accelerator.wait_for_everyone()

    def _log(self, **values: Any) -> None:
        if self.accelerator.is_main_process:
            self.journal.log(self.step, **values)


def _duration(seconds: float) -> str:
    """Hours and minutes, or seconds when it is less than a minute."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min"
