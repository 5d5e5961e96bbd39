"""A short training in which a network learns to bear rounding: quantisation-aware fine-tuning.

The network is its own teacher: no labels are needed, and what it learns is to give in 8 bits what
it gave in float, so that its space stays the same. Weights and activations are rounded in the
forward pass as INT8 will round them, and gradients pass straight through (Jacob et al. 2018,
section 3). BatchNorm stays frozen; a scale per output channel commutes with folding it away.
"""

import copy
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from edgepatent_runtime.encoder import Drawings
from edgepatent_runtime.progress import Progress, silent
from edgepatent_train.model import DrawingEncoder

STEPS = 200
BATCH = 16
LEARNING_RATE = 1e-4
ROUNDED = (nn.Conv2d, nn.Linear)
ACTIVATIONS = (nn.ReLU, nn.ReLU6)
# Of the range seen in a batch so much enters the range kept: outliers fade.
MOMENTUM = 0.05


def finetune(
    model: DrawingEncoder,
    drawings: Drawings,
    *,
    steps: int = STEPS,
    seed: int = 0,
    progress: Progress = silent,
) -> DrawingEncoder:
    """A copy of ``model`` trained for ``steps`` batches of ``drawings`` uint8 [N, 1, S, S].

    The loss is 1 − cosine between what the rounded copy and ``model`` give. Its weights lie on
    the grid of 8 bits already.
    """
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    student = copy.deepcopy(model).eval()
    for parameter in student.parameters():
        parameter.requires_grad_(True)
    hooks = [
        module.register_forward_hook(partial(_round_output, {}))
        for module in student.modules()
        if isinstance(module, ACTIVATIONS)
    ]
    layers = [module for module in student.modules() if isinstance(module, ROUNDED)]
    for layer in layers:
        parametrize.register_parametrization(layer, "weight", _RoundedWeight())
    optimizer = torch.optim.AdamW(student.parameters(), lr=LEARNING_RATE, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for step in range(steps):
        chosen = random.choice(len(drawings), min(BATCH, len(drawings)), replace=False)
        pixels = torch.from_numpy(drawings[np.sort(chosen)])
        with torch.no_grad():
            wanted = model(pixels)
        loss = (1 - (student(pixels) * wanted).sum(1)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        progress("fine-tuning for INT8", step + 1, steps)
    for hook in hooks:
        hook.remove()
    for layer in layers:
        parametrize.remove_parametrizations(layer, "weight", leave_parametrized=True)
    return student.eval()


class _RoundedWeight(nn.Module):
    """A weight [O, …] rounded to ±127 steps of its channel; the gradient passes through."""

    def forward(self, weight: Tensor) -> Tensor:
        scale = weight.detach().abs().amax(tuple(range(1, weight.ndim)), keepdim=True) / 127
        return _straight_through(weight, scale.clamp_min(1e-12))


def _straight_through(values: Tensor, scale: Tensor) -> Tensor:
    return values + (torch.round(values / scale) * scale - values).detach()


def _round_output(
    seen: dict[str, Tensor], module: nn.Module, inputs: Any, output: Tensor
) -> Tensor:
    """Round what a ReLU gives to 255 steps of the range ``seen`` so far."""
    peak = output.detach().max()
    kept = seen.get("peak", peak)
    seen["peak"] = kept + MOMENTUM * (peak - kept)
    bounded = torch.minimum(output, seen["peak"])
    return _straight_through(bounded, (seen["peak"] / 255).clamp_min(1e-12))
