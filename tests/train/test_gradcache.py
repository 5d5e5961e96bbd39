import copy

import pytest
import torch
from accelerate import Accelerator
from torch import nn

from edgepatent_train.gradcache import contrastive_backward
from edgepatent_train.learner import freeze_bn
from edgepatent_train.losses import ContrastiveLoss
from edgepatent_train.model import DrawingEncoder, build_model
from edgepatent_train.recipe import LossRecipe, ModelRecipe, Recipe

N = 12
PIXELS = torch.randint(0, 256, (N, 1, 32, 32), generator=torch.Generator().manual_seed(0))
PATENT = torch.arange(N) // 2
LABELS = (torch.stack((PATENT, PATENT // 2, PATENT // 4), 1),)


def model(name: str = "test_efficientnet", drop_path: float = 0.0) -> DrawingEncoder:
    return build_model(Recipe(ModelRecipe(name, size=32, dimensions=16, drop_path=drop_path)))


def gradients(
    encoder: DrawingEncoder, micro_batch: int, *, frozen: bool, tau_learned: bool = True
) -> tuple[float, list[torch.Tensor]]:
    loss = ContrastiveLoss(LossRecipe(tau=0.2, learn_tau=tau_learned))
    encoder.train()
    if frozen:
        freeze_bn(encoder)
    torch.manual_seed(1)
    value = contrastive_backward(
        Accelerator(cpu=True), encoder, loss, PIXELS, LABELS, micro_batch=micro_batch
    )
    parameters = [*encoder.parameters(), *loss.parameters()]
    assert all(p.grad is not None for p in parameters)
    return value.item(), [p.grad.clone() for p in parameters if p.grad is not None]


@pytest.mark.parametrize("micro_batch", [1, 5, 12, 64])
def test_cached_gradient_is_the_whole_batchs(micro_batch: int) -> None:
    encoder = model()
    plain = copy.deepcopy(encoder)
    value, cached = gradients(encoder, micro_batch, frozen=True)
    freeze_bn(plain.train())
    loss = ContrastiveLoss(LossRecipe(tau=0.2, learn_tau=True))
    expected = loss(plain(PIXELS), *LABELS)
    expected.backward()
    assert value == pytest.approx(expected.item(), abs=1e-5)
    for ours, parameter in zip(cached, [*plain.parameters(), *loss.parameters()], strict=True):
        assert parameter.grad is not None
        assert torch.allclose(ours, parameter.grad, atol=1e-5, rtol=1e-4)


def test_running_statistics_see_each_drawing_once() -> None:
    """Two passes over a chunk, one update: as if the chunks had been batches of their own."""
    cached, chunked = model(), model()
    gradients(cached, 6, frozen=False)
    chunked.train()
    for chunk in PIXELS.split(6):
        chunked(chunk)
    for ours, theirs in zip(cached.modules(), chunked.modules(), strict=True):
        if isinstance(ours, nn.BatchNorm2d):
            assert isinstance(theirs, nn.BatchNorm2d)
            assert ours.running_mean is not None
            assert torch.allclose(ours.running_mean, theirs.running_mean)
            assert ours.momentum == theirs.momentum


def test_the_second_pass_drops_what_the_first_dropped() -> None:
    """With stochastic depth the gradient belongs to the embeddings that the loss saw."""
    encoder = model("test_convnext", drop_path=0.5)
    seen: list[torch.Tensor] = []
    encoder.register_forward_hook(lambda *args: seen.append(args[2].detach()))
    gradients(encoder, 6, frozen=True)
    first, second = seen[:2], seen[2:]
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert not torch.equal(seen[0], encoder.eval()(PIXELS[:6]))
