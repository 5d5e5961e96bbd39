import numpy as np
import torch
from tiny_networks import tiny_model

from edgepatent_export.finetune import ROUNDED, finetune
from edgepatent_runtime.encoder import Drawings
from edgepatent_train.model import DrawingEncoder


def coarse(model: DrawingEncoder) -> DrawingEncoder:
    """One channel of each layer's weights far larger than the others in its row: hard to round."""
    import copy

    spoilt = copy.deepcopy(model)
    random = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for module in spoilt.modules():
            if isinstance(module, torch.nn.Conv2d) and module.weight[0].numel() > 8:
                flat = module.weight.reshape(len(module.weight), -1)
                place = torch.randint(flat.shape[1], (len(flat), 1), generator=random)
                flat = flat.scatter(1, place, flat.abs().amax(1, keepdim=True) * 3)
                module.weight.copy_(flat.view(module.weight.shape))
    return spoilt


def embed(model: DrawingEncoder, drawings: Drawings) -> np.ndarray:
    with torch.no_grad():
        return np.asarray(model(torch.from_numpy(drawings)))


def rounded(model: DrawingEncoder, bits: int = 127) -> DrawingEncoder:
    import copy

    copied = copy.deepcopy(model)
    with torch.no_grad():
        for module in copied.modules():
            if isinstance(module, ROUNDED):
                scale = module.weight.abs().amax(tuple(range(1, module.weight.ndim)), True) / bits
                module.weight.copy_(torch.round(module.weight / scale) * scale)
    return copied


def test_weights_end_on_the_grid_of_8_bits(model: DrawingEncoder, drawings: Drawings) -> None:
    trained = finetune(model, drawings, steps=3)
    np.testing.assert_allclose(
        embed(trained, drawings), embed(rounded(trained), drawings), atol=1e-4
    )


def test_the_model_itself_is_left_alone(model: DrawingEncoder, drawings: Drawings) -> None:
    before = embed(model, drawings)
    finetune(model, drawings, steps=2)
    np.testing.assert_array_equal(embed(model, drawings), before)


def test_training_brings_the_rounded_network_nearer(drawings: Drawings) -> None:
    model = coarse(tiny_model(drawings, activation="relu", squeeze_excite=False))
    wanted = embed(model, drawings)
    plain = (embed(finetune(model, drawings, steps=1), drawings) * wanted).sum(1).mean()
    trained = (embed(finetune(model, drawings, steps=60), drawings) * wanted).sum(1).mean()
    assert trained > plain
    assert 1 - trained < 0.8 * (1 - plain)
