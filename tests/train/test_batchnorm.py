from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from edgepatent_runtime.record import Skipped
from edgepatent_train.batchnorm import settle
from edgepatent_train.data import drawing_set, read_records
from edgepatent_train.model import build_model
from edgepatent_train.recipe import Recipe
from edgepatent_train.trainer import train

Designs = Callable[..., Path]
Tiny = Callable[..., Recipe]


def test_eval_mode_becomes_training_mode(designs: Designs, tiny: Tiny) -> None:
    records = read_records([str(designs())], Skipped())
    drawings = drawing_set(records, 32, Skipped())
    model = build_model(tiny()).eval()
    before = {name: value.clone() for name, value in model.named_parameters()}
    momenta = [m.momentum for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    settle(model, drawings)
    pixels = torch.from_numpy(drawings.pixels(drawings.rows))[:, None]
    assert not model.training
    assert momenta == [m.momentum for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    assert all(torch.equal(before[name], value) for name, value in model.named_parameters())
    with torch.no_grad():
        settled = model.features(pixels)
        model.train()
        trained = model.features(pixels)
    # Running variances are n / (n − 1) times those of a batch, layer upon layer.
    assert nn.functional.cosine_similarity(settled, trained).min() > 0.99


def test_a_fitted_head_on_random_weights_finds_patents(
    designs: Designs, tiny: Tiny, tmp_path: Path
) -> None:
    """Embeddings of a network that saw nothing were nearly one vector."""
    records = read_records([str(designs())], Skipped())
    model = {"head": "whitened"}
    run = train(tiny(model=model, optimizer={"epochs": 0}), records, tmp_path / "run")
    drawings = drawing_set(records, 32, Skipped())
    pixels = torch.from_numpy(drawings.pixels(drawings.rows))[:, None]
    network = run.model()
    with torch.no_grad():
        usual = network(pixels)
        network.train()
        trained = network(pixels)
    assert float((usual * trained).sum(1).mean()) > 0.9
