"""Networks small enough to export in seconds."""

import torch

from edgepatent_runtime.encoder import Drawings
from edgepatent_train.model import DrawingEncoder, build_model
from edgepatent_train.recipe import ModelRecipe, Recipe
from edgepatent_train.whiten import whiten

SIZE = 64


def tiny_recipe(**changes: object) -> Recipe:
    settings = {"backbone": "test_efficientnet", "size": SIZE, "dimensions": 32}
    return Recipe(model=ModelRecipe(**{**settings, **changes}))  # type: ignore[arg-type]


def tiny_model(drawings: Drawings, **changes: object) -> DrawingEncoder:
    """A network with random weights whose head spreads what it sees of ``drawings``."""
    model = build_model(tiny_recipe(**changes)).eval()
    norms = [module for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    with torch.no_grad():
        for norm in norms:
            norm.momentum = 1.0
            norm.bias.uniform_(-0.2, 0.5)
        model.train()
        model.features(torch.from_numpy(drawings))  # BatchNorm takes its statistics from these
        model.eval()
        # Centred and no more: scaling the small axes up would blow up every rounding error.
        whiten(model.head, model.features(torch.from_numpy(drawings)).numpy(), power=0.0)
    return model
