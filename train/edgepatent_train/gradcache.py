"""One optimiser step's gradient: exact for the whole batch, however it is cut up.

A contrastive loss couples all drawings of a batch, but only through their embeddings. So the step
first computes embeddings, gathers them from every process, takes the loss and its gradient with
respect to each embedding, and then sends that gradient back through the network, chunk by chunk
(gradient caching: Gao et al. 2021, "Scaling Deep Contrastive Learning Batch Size under Memory
Limited Setup", section 3.2). Memory is that of one chunk; the gradient is the whole batch's to
rounding as long as the network treats drawings independently. BatchNorm in training mode does
not: its statistics are then those of a chunk in one process. Freeze it for an exact equivalence.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch
import torch.distributed as dist
from accelerate import Accelerator
from torch import Tensor, nn


def contrastive_backward(
    accelerator: Accelerator,
    model: nn.Module,
    loss: nn.Module,
    pixels: Tensor,
    labels: tuple[Tensor, ...],
    *,
    micro_batch: int = 0,
) -> Tensor:
    """Add the gradient of the loss over the whole batch to the parameters; return the loss.

    ``pixels`` [m, 1, S, S] are this process's drawings of the batch: number rank, rank + world,
    … of the n whose ``labels`` [n] every process holds; ``loss`` is called with all
    embeddings [n, D] and with them. ``micro_batch`` drawings go through the
    network at a time, 0 for all at once. The model may be wrapped for several processes.
    """
    device = accelerator.device
    chunks = list(torch.split(pixels, micro_batch)) if micro_batch else [pixels]
    chunks = [chunk.to(device, non_blocking=True) for chunk in chunks]
    cached = len(chunks) > 1
    if cached:
        states = []
        with torch.no_grad(), _statistics_kept(model):
            parts = []
            for chunk in chunks:
                states.append(_random_state(device))
                with accelerator.autocast():
                    parts.append(model(chunk))
        live: list[Tensor] = []
    else:
        with accelerator.autocast():
            live = [model(chunks[0])]
        parts = live
    z = torch.cat([part.detach() for part in parts])
    everything = _gather(z, len(labels[0])).requires_grad_()
    value: Tensor = loss(everything, *(label.to(device) for label in labels))
    value.backward()  # type: ignore[no-untyped-call]
    assert everything.grad is not None
    mine = everything.grad[accelerator.process_index :: accelerator.num_processes]
    # Every process holds the whole loss; the wrapper averages over processes what must be summed.
    gradients = torch.split(mine * accelerator.num_processes, [len(part) for part in parts])
    for i, (chunk, gradient) in enumerate(zip(chunks, gradients, strict=True)):
        last = i == len(chunks) - 1
        with nullcontext() if last else accelerator.no_sync(model):
            if cached:
                with _random_state_as(states[i], device), accelerator.autocast():
                    output = model(chunk)
            else:
                output = live[i]
            accelerator.backward((output * gradient).sum())
    return value.detach()


def _gather(z: Tensor, total: int) -> Tensor:
    """Embeddings of all processes [total, D] in batch order: process r has r, r + world, …"""
    if not dist.is_initialized() or dist.get_world_size() == 1:
        return z
    world = dist.get_world_size()
    most = -(-total // world)
    padded = z.new_zeros((most, z.shape[1]))
    padded[: len(z)] = z
    shares = [torch.empty_like(padded) for _ in range(world)]
    dist.all_gather(shares, padded)
    return torch.stack(shares, 1).flatten(0, 1)[:total]


@contextmanager
def _statistics_kept(model: nn.Module) -> Iterator[None]:
    """Leave running statistics alone: the second pass over the same chunk updates them."""
    norms = [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum


def _random_state(device: torch.device) -> tuple[Tensor, Tensor | None]:
    cuda = torch.cuda.get_rng_state(device) if device.type == "cuda" else None
    return torch.get_rng_state(), cuda


@contextmanager
def _random_state_as(state: tuple[Tensor, Tensor | None], device: torch.device) -> Iterator[None]:
    """The random state of the first pass, so that dropout drops the same units again."""
    now = _random_state(device)
    _set_random_state(state, device)
    try:
        yield
    finally:
        _set_random_state(now, device)


def _set_random_state(state: tuple[Tensor, Tensor | None], device: torch.device) -> None:
    torch.set_rng_state(state[0])
    if state[1] is not None:
        torch.cuda.set_rng_state(state[1], device)
