"""The one training loop: resumable at any moment, on one process or several."""

import hashlib
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import broadcast_object_list
from safetensors.torch import load_file
from timm.utils import ModelEmaV3
from torch import Tensor, nn

from edgepatent_runtime import metrics
from edgepatent_runtime.errors import TrainingError
from edgepatent_runtime.progress import Progress, silent
from edgepatent_runtime.record import Record, Skipped
from edgepatent_train.checkpoint import (
    load_checkpoint,
    save_checkpoint,
    save_weights,
    write_atomic,
)
from edgepatent_train.data import DrawingSet, drawing_set
from edgepatent_train.embed import embed_set, pooled_features
from edgepatent_train.gradcache import contrastive_backward
from edgepatent_train.loader import Batch, load_batches
from edgepatent_train.losses import ContrastiveLoss
from edgepatent_train.model import DrawingEncoder, build_model
from edgepatent_train.optimizer import build_optimizer, build_schedule
from edgepatent_train.recipe import Recipe, dump_recipe
from edgepatent_train.run import (
    DATA,
    INITIAL,
    LAST,
    METRICS,
    MODEL,
    RECIPE,
    Run,
    RunData,
    without_weights,
)
from edgepatent_train.sampler import epoch_batches
from edgepatent_train.split import held_out
from edgepatent_train.whiten import whiten

LOG_STEPS = 10
BEST = "checkpoints/best.safetensors"
Notify = Callable[[str], None]


def train(
    recipe: Recipe,
    records: Sequence[Record],
    out: Path,
    *,
    sources: Sequence[str] = (),
    resume: bool = False,
    skipped: Skipped | None = None,
    progress: Progress = silent,
    notify: Notify = lambda line: None,
) -> Run:
    """Train on ``records`` as ``recipe`` says and write the run folder ``out``.

    With ``resume`` goes on from the folder's last checkpoint, which must be of the same recipe
    and data. ``notify`` gets one line for everything worth knowing. Called by every process of
    an ``accelerate launch``, it trains one model together.

    Raises `TrainingError` for data that cannot be trained on, a folder in use, a checkpoint of
    another recipe, a loss that is not finite, a full disk; `RecipeError` for an impossible recipe.
    """
    skipped = skipped if skipped is not None else Skipped()
    accelerator = Accelerator(mixed_precision=recipe.optimizer.precision)
    if not accelerator.is_main_process:
        notify, progress = _quiet, silent
    # First what can be wrong at once: decoding a large source takes minutes.
    encoder = build_model(without_weights(recipe) if resume else recipe)
    with accelerator.main_process_first():  # one process decodes, the others find the cache
        drawings = drawing_set(records, recipe.model.size, skipped, progress)
    session = _Session(recipe, encoder, drawings, out, list(sources), accelerator, notify, progress)
    if resume:
        session.resume()
    else:
        session.start()
    session.run()
    return Run.open(out)


def _quiet(line: str) -> None:
    """Processes other than the first say nothing."""


class _Session:
    def __init__(
        self,
        recipe: Recipe,
        encoder: DrawingEncoder,
        drawings: DrawingSet,
        out: Path,
        sources: list[str],
        accelerator: Accelerator,
        notify: Notify,
        progress: Progress,
    ) -> None:
        self.recipe, self.out, self.accelerator = recipe, out, accelerator
        self.notify, self.progress = notify, progress
        self.encoder = encoder.to(accelerator.device)
        self.loss = ContrastiveLoss(recipe.loss).to(accelerator.device)
        away = held_out(drawings.records, recipe.evaluation.holdout, recipe.seed)
        outside = np.array([r.patent_id in away for r in drawings.records])
        self.training = drawings.subset(np.flatnonzero(~outside))
        self.held = drawings.subset(np.flatnonzero(outside)) if outside.any() else None
        self.data = RunData(
            sources=sources,
            drawings=len(drawings),
            patents=len(set(drawings.patent.tolist())),
            held_out=sorted(away),
            digest=_digest(drawings),
        )
        self.labels = tuple(
            torch.from_numpy(x)
            for x in (self.training.patent, self.training.subclass, self.training.klass)
        )
        first = self._plan(0) if recipe.optimizer.epochs else []
        self.epoch_steps = recipe.optimizer.epoch_steps or len(first)
        self.total = self.epoch_steps * recipe.optimizer.epochs
        self._look_at_data(max((len(batch) for batch in first), default=0))
        self.step = 0
        self.best: float | None = None
        self.waited = 0

    def _look_at_data(self, batch: int) -> None:
        """Refuse data that teach nothing, and say what the data cannot teach."""
        patents = len(np.unique(self.training.patent))
        if self.recipe.optimizer.epochs and patents < 2:
            raise TrainingError(
                "the data leave one patent to train on: a contrastive loss needs at least two"
            )
        if not self.recipe.optimizer.epochs:
            return
        if len(self.training) == patents:
            self.notify(
                "every patent has one drawing: its only positives are augmented copies of itself"
            )
        if (self.training.klass < 0).all() and (self.training.subclass < 0).all():
            self.notify("no drawing has a class: the loss sees patents only")
        if batch < self.recipe.sampler.batch:
            self.notify(
                f"the data fill batches of {batch} drawings, not {self.recipe.sampler.batch} "
                "as the recipe asks"
            )

    def start(self) -> None:
        """Make a new run folder and the initial model."""
        if (self.out / RECIPE).exists():
            raise TrainingError(
                f"{self.out} holds a run already: go on with --resume, or choose another --out"
            )
        if self.recipe.model.head == "whitened":
            self.notify("fitting the whitening head on the training drawings")
            features = pooled_features(self.encoder, self.training, progress=self.progress)
            whiten(self.encoder.head, features, self.recipe.model.whiten_power)
        self._prepare()
        if self.accelerator.is_main_process:
            write_atomic(self.out / DATA, msgspec.json.encode(self.data))
            if self.looks_back:
                save_weights(self.out / INITIAL, self.encoder.state_dict())
            write_atomic(self.out / METRICS, b"")
            write_atomic(self.out / RECIPE, dump_recipe(self.recipe).encode())
        self._evaluate()
        self._checkpoint()

    def resume(self) -> None:
        """Take up the folder's last checkpoint."""
        run = Run.open(self.out)
        if run.recipe != self.recipe:
            raise TrainingError(
                f"{self.out} was begun with another recipe ({_difference(run.recipe, self.recipe)})"
                ": resume without --recipe, or choose another --out"
            )
        if run.data.digest != self.data.digest:
            raise TrainingError(
                f"the drawings are not those that {self.out} was begun with "
                f"({run.data.drawings} of {run.data.patents} patents): choose another --out"
            )
        state = load_checkpoint(self.out / LAST)
        if self.looks_back:
            self.encoder.load_state_dict(load_file(self.out / INITIAL))
        self._prepare()
        self.encoder.load_state_dict(state["model"])
        self.loss.load_state_dict(state["loss"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.ema is not None:
            self.ema.module.load_state_dict(state["ema"])
        self.step, self.best, self.waited = state["step"], state["best"], state["waited"]
        if self.accelerator.is_main_process:
            lines = (self.out / METRICS).read_bytes().splitlines(keepends=True)
            kept = [line for line in lines if _step_of(line) <= self.step]
            write_atomic(self.out / METRICS, b"".join(kept))
        self.notify(f"going on from step {self.step} of {self.total}")

    def _prepare(self) -> None:
        settings = self.recipe.optimizer
        self.initial: dict[str, Tensor] = {}
        if self.looks_back:
            self.initial = {k: v.clone() for k, v in self.encoder.state_dict().items()}
        self.optimizer = build_optimizer(self.encoder, self.loss, settings)
        self.schedule = build_schedule(self.optimizer, settings, self.total)
        self.ema = (
            ModelEmaV3(self.encoder, decay=settings.ema, use_warmup=True, warmup_power=0.75)
            if settings.ema
            else None
        )
        trainable = [p for group in self.optimizer.param_groups for p in group["params"]]
        self.trainable: list[nn.Parameter] = trainable
        self.model: nn.Module = self.accelerator.prepare_model(self.encoder)

    @property
    def looks_back(self) -> bool:
        """Whether the recipe needs the initial weights later on."""
        return self.recipe.optimizer.l2sp > 0 or self.recipe.optimizer.interpolate < 1

    @property
    def averaged(self) -> DrawingEncoder:
        """The weights that are evaluated and kept."""
        module = self.encoder if self.ema is None else self.ema.module
        assert isinstance(module, DrawingEncoder)
        return module

    def _plan(self, epoch: int) -> list[np.ndarray[Any, np.dtype[np.int64]]]:
        """The batches of an epoch: as many in every epoch, so that the schedule is known."""
        wanted = self.recipe.optimizer.epoch_steps or getattr(self, "epoch_steps", 0)
        plan: list[np.ndarray[Any, np.dtype[np.int64]]] = []
        part = 0
        while not plan or len(plan) < wanted:
            plan += epoch_batches(
                *(self.training.patent, self.training.subclass, self.training.klass),
                self.recipe.sampler,
                seed=self.recipe.seed,
                epoch=epoch + part * 1_000_000,
            )
            part += 1
        return plan[: wanted or None]

    def run(self) -> None:
        """Train to the end, or until the scores stop rising; write the final weights."""
        settings = self.recipe
        while self.step < self.total and not self._patience_gone():
            epoch, done = divmod(self.step, self.epoch_steps)
            self._epoch(epoch, done)
            last = self.step >= self.total
            if (epoch + 1) % settings.evaluation.every == 0 or last:
                self._evaluate()
            self._checkpoint()
        self._finish()

    def _patience_gone(self) -> bool:
        patience = self.recipe.evaluation.patience
        return bool(patience) and self.waited >= patience

    def _epoch(self, epoch: int, skip: int) -> None:
        batches = load_batches(
            self.training,
            self._plan(epoch),
            self.recipe.augment,
            seed=(self.recipe.seed, epoch),
            skip=skip,
            rank=self.accelerator.process_index,
            world=self.accelerator.num_processes,
            workers=self.recipe.optimizer.workers,
        )
        began, seen, losses = time.monotonic(), 0, []
        for batch in batches:
            value, norm = self._step(batch)
            losses.append(value)
            seen += len(batch.rows)
            self.progress("training steps", self.step, self.total)
            if self.step % LOG_STEPS == 0 or self.step == self.total:
                rate = seen / (time.monotonic() - began)
                self._log(
                    epoch=epoch,
                    loss=float(np.mean(losses)),
                    lr=self.optimizer.param_groups[-1]["lr"],
                    tau=float(self.loss.tau),
                    gradient_norm=norm,
                    drawings_per_second=rate,
                )
                left = (self.total - self.step) / len(losses) * (time.monotonic() - began)
                self.notify(
                    f"epoch {epoch + 1}/{self.recipe.optimizer.epochs} step {self.step}/"
                    f"{self.total} loss {np.mean(losses):.4f}, {rate:.0f} drawings/s, "
                    f"{_duration(left)} left"
                )
                began, seen, losses = time.monotonic(), 0, []
            if self.step % self.recipe.optimizer.checkpoint_steps == 0:
                self._checkpoint()

    def _step(self, batch: Batch) -> tuple[float, float]:
        """One optimiser step; the loss and the gradient's norm before clipping."""
        settings = self.recipe.optimizer
        # Seeded by the step, so that dropout needs no saved state to resume.
        torch.manual_seed(hash((self.recipe.seed, self.step, self.accelerator.process_index)))
        self.schedule.step_update(self.step)
        self.model.train()
        if settings.freeze_bn:
            freeze_bn(self.model)
        self.optimizer.zero_grad(set_to_none=True)
        rows = torch.from_numpy(batch.rows)
        patent, subclass, klass = (labels[rows] for labels in self.labels)
        pixels = batch.pixels.contiguous(memory_format=torch.channels_last)
        value = contrastive_backward(
            self.accelerator,
            self.model,
            self.loss,
            pixels,
            (patent, subclass, klass),
            micro_batch=settings.micro_batch,
        )
        norm = nn.utils.clip_grad_norm_(self.trainable, settings.clip or math.inf)
        if not (torch.isfinite(value) and torch.isfinite(norm)):
            self._refuse_batch(batch, float(value))
        self.optimizer.step()
        if settings.l2sp:
            self._pull_back(settings.l2sp)
        self.step += 1
        if self.ema is not None:
            self.ema.update(self.encoder, self.step)
        return float(value), float(norm)

    def _pull_back(self, strength: float) -> None:
        """Decoupled L2-SP: towards the initial weights, as weight decay goes towards zero."""
        scale = {id(p): g["lr"] for g in self.optimizer.param_groups for p in g["params"]}
        with torch.no_grad():
            for name, parameter in self.encoder.named_parameters():
                if name.startswith("backbone.") and id(parameter) in scale:
                    parameter.lerp_(self.initial[name], min(1.0, strength * scale[id(parameter)]))

    def _refuse_batch(self, batch: Batch, value: float) -> None:
        names = [str(self.training.records[row].image) for row in batch.rows[:3]]
        raise TrainingError(
            f"the loss or its gradient is not finite (loss {value}) at step {self.step + 1}, in "
            f"the batch of {len(batch.rows)} drawings with {', '.join(names)} …: lower "
            f"optimizer.lr or raise loss.tau; the last checkpoint is kept in {self.out}"
        )

    def _evaluate(self) -> None:
        """Score the held-out patents; keep the weights if they are the best so far."""
        if self.held is None or len(self.held) < 2:
            return
        verdict: list[Any] = [None]
        if self.accelerator.is_main_process:
            scores = evaluate_set(self.averaged, self.held, self.progress)
            self._log(evaluation=msgspec.to_builtins(scores))
            self.notify(f"step {self.step}: {describe(scores)}")
            verdict[0] = scores.levels[self.recipe.evaluation.level].map
        value = broadcast_object_list(verdict)[0]
        if math.isnan(value):
            return
        if self.best is None or value > self.best:
            self.best, self.waited = value, 0
            if self.accelerator.is_main_process:
                save_weights(self.out / BEST, self.averaged.state_dict())
        else:
            self.waited += 1

    def _checkpoint(self) -> None:
        if self.accelerator.is_main_process:
            state = {
                "step": self.step,
                "best": self.best,
                "waited": self.waited,
                "model": self.encoder.state_dict(),
                "loss": self.loss.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "ema": self.ema.module.state_dict() if self.ema else None,
            }
            save_checkpoint(self.out / LAST, state)
        self.accelerator.wait_for_everyone()

    def _finish(self) -> None:
        """Write model.safetensors: the best or the last weights, mixed with the initial ones."""
        if self.accelerator.is_main_process:
            weights = self.averaged.state_dict()
            if self.recipe.evaluation.keep == "best" and self.best is not None:
                weights = load_file(self.out / BEST)
            share = self.recipe.optimizer.interpolate
            if share < 1:
                weights = {
                    name: torch.lerp(self.initial[name].cpu(), value.cpu(), share)
                    if value.is_floating_point()
                    else value
                    for name, value in weights.items()
                }
            save_weights(self.out / MODEL, weights)
            if share < 1 and self.held is not None:
                self.encoder.load_state_dict(weights)
                scores = evaluate_set(self.encoder, self.held, self.progress)
                self._log(interpolated=msgspec.to_builtins(scores))
                self.notify(f"interpolated: {describe(scores)}")
        self.accelerator.wait_for_everyone()

    def _log(self, **values: Any) -> None:
        if self.accelerator.is_main_process:
            with (self.out / METRICS).open("ab") as file:
                file.write(msgspec.json.encode({"step": self.step, **values}) + b"\n")


def freeze_bn(model: nn.Module) -> None:
    """Put every BatchNorm in eval mode: statistics are used and not changed."""
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.eval()


def evaluate_set(
    model: DrawingEncoder, drawings: DrawingSet, progress: Progress = silent
) -> metrics.Scores:
    """Retrieval scores of a model on a drawing set."""
    records = drawings.records
    return metrics.evaluate(
        embed_set(model, drawings, progress=progress),
        [r.patent_id for r in records],
        [r.subclass for r in records],
        [r.klass for r in records],
    )


def describe(scores: metrics.Scores) -> str:
    """The three mAPs with their intervals, in one line."""
    return ", ".join(
        f"{name} mAP {level.map:.3f} [{level.map_interval[0]:.3f}, {level.map_interval[1]:.3f}]"
        for name, level in scores.levels.items()
    )


def _digest(drawings: DrawingSet) -> str:
    """What identifies the drawings and labels of a run, in order, wherever their files lie."""
    state = hashlib.sha256()
    for r in drawings.records:
        name = Path(r.image.path).name
        state.update(f"{name}\t{r.image.page}\t{r.patent_id}\t{r.klass}\t{r.subclass}\n".encode())
    return state.hexdigest()


def _difference(old: Recipe, new: Recipe) -> str:
    """The first setting in which two recipes differ."""
    before, after = msgspec.to_builtins(old), msgspec.to_builtins(new)
    for table, value in before.items():
        if isinstance(value, dict):
            for key, setting in value.items():
                if setting != after[table][key]:
                    return f"{table}.{key} was {setting}, is {after[table][key]}"
        elif value != after[table]:
            return f"{table} was {value}, is {after[table]}"
    return "they differ"


def _step_of(line: bytes) -> int:
    """The step of a metrics line; one cut short by a crash counts as later than any."""
    try:
        step = msgspec.json.decode(line)["step"]
    except (msgspec.DecodeError, KeyError, TypeError):
        return 1 << 62
    assert isinstance(step, int)
    return step


def _duration(seconds: float) -> str:
    """Hours and minutes, or seconds when it is less than a minute."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min"
