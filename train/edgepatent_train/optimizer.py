"""Learning rates, weight decay and the schedule."""

from typing import Any

import torch
from timm.models import group_parameters
from timm.optim import create_optimizer_v2, param_groups_layer_decay
from timm.scheduler import CosineLRScheduler
from torch import nn

from edgepatent_runtime.errors import RecipeError
from edgepatent_train.model import DrawingEncoder
from edgepatent_train.recipe import OptimizerRecipe


def parameter_groups(
    model: DrawingEncoder, loss: nn.Module, recipe: OptimizerRecipe
) -> list[dict[str, Any]]:
    """Parameters by learning rate and weight decay, ``lr_scale`` being the factor of the head's.

    Biases, norms and the temperature have no weight decay. ``backbone_lr = 0`` freezes the
    backbone: its parameters are left out and need no gradient.
    """
    groups: list[dict[str, Any]] = []
    freeze_stages(model.backbone, recipe.freeze)
    if recipe.backbone_lr > 0:
        listed = getattr(model.backbone, "no_weight_decay", set)
        groups = param_groups_layer_decay(
            model.backbone, recipe.weight_decay, listed(), layer_decay=recipe.layer_decay
        )
        for group in groups:
            group["lr_scale"] *= recipe.backbone_lr
    else:
        model.backbone.requires_grad_(False)
    rest = [*(model.pool.parameters() if model.pool else ()), *loss.parameters()]
    plain = [p for p in (*rest, model.head.bias) if p.requires_grad]
    groups.append({"params": [model.head.weight], "weight_decay": recipe.weight_decay})
    groups.append({"params": plain, "weight_decay": 0.0})
    return groups


def freeze_stages(backbone: nn.Module, count: int) -> None:
    """Let the first ``count`` stages of a timm network, the stem among them, need no gradient.

    Raises `RecipeError` where it has no so many, or says nothing of its stages.
    """
    if not count:
        return
    matcher = getattr(backbone, "group_matcher", None)
    if matcher is None:
        raise RecipeError("optimizer.freeze: this backbone does not say what its stages are")
    stages = group_parameters(backbone, matcher(coarse=True), reverse=True)
    last = max(stages.values())
    if count > last:
        raise RecipeError(f"optimizer.freeze: this backbone has {last} stages that can be frozen")
    for name, parameter in backbone.named_parameters():
        if stages[name] < count:
            parameter.requires_grad_(False)


def build_optimizer(
    model: DrawingEncoder, loss: nn.Module, recipe: OptimizerRecipe
) -> torch.optim.Optimizer:
    """The timm optimiser that the recipe names. Raises `RecipeError` where there is none."""
    groups = parameter_groups(model, loss, recipe)
    try:
        optimizer = create_optimizer_v2(groups, opt=recipe.name, lr=recipe.lr, weight_decay=0.0)
    except ValueError as error:
        raise RecipeError(f"optimizer.name: {error}") from error
    assert isinstance(optimizer, torch.optim.Optimizer)
    return optimizer


def build_schedule(
    optimizer: torch.optim.Optimizer, recipe: OptimizerRecipe, steps: int
) -> CosineLRScheduler:
    """Linear warm-up, then a cosine to a hundredth. A pure function of the step: no state."""
    warmup = round(recipe.warmup * steps)
    return CosineLRScheduler(
        optimizer,
        t_initial=max(2, steps - warmup),
        lr_min=recipe.lr / 100,
        warmup_t=warmup,
        warmup_lr_init=recipe.lr / 100,
        warmup_prefix=True,
        t_in_epochs=False,
    )
