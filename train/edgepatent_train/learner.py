"""All that learns: encoder, loss, optimiser, averaged weights. One step at a time."""

import math
from collections.abc import Mapping
from typing import Any

import torch
from accelerate import Accelerator
from timm.utils import ModelEmaV3
from torch import Tensor, nn

from edgepatent_train.gradcache import contrastive_backward
from edgepatent_train.model import DrawingEncoder
from edgepatent_train.optimizer import build_optimizer, build_schedule
from edgepatent_train.recipe import OptimizerRecipe


class Learner:
    """An encoder in training. ``state`` and ``load_state`` hold all that a resumed run needs.

    ``steps`` is the length of the schedule. Keeps a copy of the initial weights where the recipe
    looks back at them (L2-SP, interpolation).
    """

    def __init__(
        self,
        encoder: DrawingEncoder,
        loss: nn.Module,
        recipe: OptimizerRecipe,
        steps: int,
        accelerator: Accelerator,
    ) -> None:
        self.recipe = recipe
        self.accelerator = accelerator
        self.encoder = encoder
        self.loss = loss.to(accelerator.device)
        self.initial: dict[str, Tensor] = {}
        if recipe.l2sp > 0 or recipe.interpolate < 1:
            self.initial = {name: v.clone() for name, v in encoder.state_dict().items()}
        self.optimizer = build_optimizer(encoder, self.loss, recipe)
        self.schedule = build_schedule(self.optimizer, recipe, steps)
        self.ema: ModelEmaV3 | None = None
        if recipe.ema:
            self.ema = ModelEmaV3(encoder, recipe.ema, use_warmup=True, warmup_power=0.75)
        self.trainable = [p for group in self.optimizer.param_groups for p in group["params"]]
        self.model: nn.Module = accelerator.prepare_model(encoder)

    def step(self, number: int, pixels: Tensor, labels: tuple[Tensor, ...]) -> tuple[float, float]:
        """Take step ``number`` (from 0) and return the loss and the gradient's norm.

        ``pixels`` are this process's drawings, ``labels`` those of the whole batch, as
        `contrastive_backward` takes them. Where either number is not finite nothing has moved.
        """
        self.schedule.step_update(number)
        self.model.train()
        if self.recipe.freeze_bn:
            freeze_bn(self.model)
        self.optimizer.zero_grad(set_to_none=True)
        loss = contrastive_backward(
            self.accelerator,
            self.model,
            self.loss,
            pixels.contiguous(memory_format=torch.channels_last),
            labels,
            micro_batch=self.recipe.micro_batch,
        )
        norm = nn.utils.clip_grad_norm_(self.trainable, self.recipe.clip or math.inf)
        if not (loss.isfinite() and norm.isfinite()):
            return float(loss), float(norm)
        self.optimizer.step()
        if self.recipe.l2sp:
            self._pull_back()
        if self.ema is not None:
            self.ema.update(self.encoder, number + 1)
        return float(loss), float(norm)

    @torch.no_grad()
    def _pull_back(self) -> None:
        """Decoupled L2-SP: towards the initial weights, as weight decay goes towards zero."""
        rates = {id(p): g["lr"] for g in self.optimizer.param_groups for p in g["params"]}
        for name, parameter in self.encoder.named_parameters():
            if name.startswith("backbone.") and id(parameter) in rates:
                share = min(1.0, self.recipe.l2sp * rates[id(parameter)])
                parameter.lerp_(self.initial[name], share)

    @property
    def averaged(self) -> DrawingEncoder:
        """The encoder that is evaluated and kept: the moving average where there is one."""
        module = self.encoder if self.ema is None else self.ema.module
        assert isinstance(module, DrawingEncoder)
        return module

    @property
    def learning_rate(self) -> float:
        """The head's, at the last step."""
        return float(self.optimizer.param_groups[-1]["lr"])

    def mixed(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Weights between the initial ones (0) and ``weights`` (1), at ``interpolate``."""
        share = self.recipe.interpolate
        if share == 1:
            return dict(weights)
        return {
            name: torch.lerp(self.initial[name].cpu(), value.cpu(), share)
            if value.is_floating_point()
            else value
            for name, value in weights.items()
        }

    def state(self) -> dict[str, Any]:
        """Everything that the next step depends on."""
        return {
            "encoder": self.encoder.state_dict(),
            "loss": self.loss.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "ema": self.ema.module.state_dict() if self.ema else None,
            "initial": self.initial,
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Take up what ``state`` gave."""
        self.encoder.load_state_dict(state["encoder"])
        self.loss.load_state_dict(state["loss"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.ema is not None:
            self.ema.module.load_state_dict(state["ema"])
        device = self.accelerator.device
        self.initial = {name: value.to(device) for name, value in state["initial"].items()}


def freeze_bn(model: nn.Module) -> None:
    """Put every BatchNorm in eval mode: its statistics are used and not changed."""
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.eval()
