"""What loss, sampler and gathering cost over a bare timm loop on the same backbone.

    python benchmarks/overhead.py [--out benchmarks/overhead.md] [--rounds 12] [--threads 2]

Both loops see the same pixels and step the same optimiser: the bare one is a timm classifier
under cross-entropy; ours takes its batch from the sampler, computes embeddings, the hierarchical
loss over the batch and the gradient through them, clips, and (in the second line of a backbone)
averages weights. Steps alternate and are compared pair by pair, so that whatever else the machine
does falls on both; the table gives the median ratio with its quartiles. The sampler's share is
its time for an epoch over the number of batches; augmentation is listed by itself: it runs in
worker processes beside the training where ``optimizer.workers`` is above 0.
"""

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import timm
import torch
from accelerate import Accelerator
from timm.optim import create_optimizer_v2
from torch.nn import functional as F

from edgepatent_train.augment import augment
from edgepatent_train.learner import Learner
from edgepatent_train.losses import ContrastiveLoss
from edgepatent_train.model import build_model
from edgepatent_train.recipe import (
    AugmentRecipe,
    ModelRecipe,
    OptimizerRecipe,
    Recipe,
    SamplerRecipe,
)
from edgepatent_train.sampler import epoch_batches

SAMPLER = SamplerRecipe(classes=4, subclasses=2, patents=4, views=2)
PATENTS, VIEWS = 2000, 4


def labels() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Patents of 200 subclasses in 30 classes, as many drawings of each."""
    patent = np.repeat(np.arange(PATENTS), VIEWS)
    subclass = patent % 200
    return patent, subclass, subclass % 30


def bare_loop(backbone: str, pixels: torch.Tensor) -> Callable[[], None]:
    """One step of a timm classifier."""
    model = timm.create_model(backbone, in_chans=1, num_classes=256)
    model = model.to(memory_format=torch.channels_last).train()
    optimizer = create_optimizer_v2(model, opt="adamw", lr=1e-4)
    target = torch.arange(len(pixels)) % 256

    def step() -> None:
        x = (pixels.float() - 255) / 255
        optimizer.zero_grad(set_to_none=True)
        loss = F.cross_entropy(model(x.contiguous(memory_format=torch.channels_last)), target)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return step


def our_loop(backbone: str, pixels: torch.Tensor, ema: float) -> Callable[[], None]:
    """One step of the learner, on a batch that the sampler chose."""
    table = labels()
    batches = epoch_batches(*table, SAMPLER, seed=(0, 0))
    recipe = OptimizerRecipe(lr=1e-4, ema=ema)
    encoder = build_model(Recipe(ModelRecipe(backbone, size=pixels.shape[-1])))
    learner = Learner(encoder, ContrastiveLoss(Recipe(ModelRecipe("")).loss), recipe, 10_000,
                      Accelerator(cpu=True))  # fmt: skip
    number = 0

    def step() -> None:
        nonlocal number
        rows = batches[number % len(batches)]
        chosen = torch.from_numpy(np.stack([column[rows] for column in table], 1))
        learner.step(number, pixels[: len(rows)], (chosen,))
        number += 1

    return step


def timed(step: Callable[[], None]) -> float:
    """Seconds of one step."""
    began = time.perf_counter()
    step()
    return time.perf_counter() - began


def ratios(first: Callable[[], None], second: Callable[[], None], rounds: int) -> list[tuple[float, float]]:  # fmt: skip  # noqa: E501
    """Seconds of both, step by step in turns, after two steps to warm up."""
    for step in (first, second, first, second):
        step()
    return [(timed(first), timed(second)) for _ in range(rounds)]


def sampler_seconds() -> float:
    """Seconds a batch of the sampler takes."""
    table = labels()
    times = []
    for epoch in range(5):
        began = time.perf_counter()
        batches = epoch_batches(*table, SAMPLER, seed=(0, epoch))
        times.append((time.perf_counter() - began) / len(batches))
    return float(np.median(times))


def augment_seconds(size: int) -> float:
    """Seconds a drawing takes to augment."""
    rng = np.random.default_rng(0)
    drawing = np.full((size, size), 255, np.uint8)
    drawing[size // 4 : size // 2, size // 4 : size // 2 : 6] = 0
    times = []
    for _ in range(200):
        began = time.perf_counter()
        augment(drawing, AugmentRecipe(), rng)
        times.append(time.perf_counter() - began)
    return float(np.mean(times))


def main() -> None:
    parser = argparse.ArgumentParser(description="What loss, sampler and gathering cost.")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".md"))
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument(
        "--backbones", nargs="+", default=["tf_efficientnet_lite0", "mobilenetv4_conv_small"]
    )
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    shape = (SAMPLER.batch, 1, options.size, options.size)
    pixels = torch.randint(0, 256, shape, dtype=torch.uint8)
    share = sampler_seconds()
    lines = [
        "# Loss, sampler and gathering over a bare timm loop",
        "",
        f"Made by `python benchmarks/overhead.py`: batches of {SAMPLER.batch} drawings of "
        f"{options.size} px, {options.threads} threads, {options.rounds} pairs of steps in turns. "
        "Ratio = (our step + the sampler's share) / bare step.",
        "",
        "| backbone | EMA | bare step, ms (median) | median ratio | quartiles |",
        "|---|---|---|---|---|",
    ]
    for backbone in options.backbones:
        for ema in (0.0, 0.99):
            pairs = ratios(
                bare_loop(backbone, pixels), our_loop(backbone, pixels, ema), options.rounds
            )
            found = [(ours + share) / bare for bare, ours in pairs]
            low, middle, high = np.percentile(found, (25, 50, 75))
            bare = 1000 * float(np.median([first for first, _ in pairs]))
            lines.append(
                f"| {backbone} | {ema or 'off'} | {bare:.0f} | {middle:.3f} | "
                f"{low:.3f} to {high:.3f} |"
            )
            print(lines[-1], flush=True)
    lines += [
        "",
        f"Sampler: {1000 * share:.2f} ms a batch ({PATENTS} patents). Augmentation: "
        f"{1000 * augment_seconds(options.size):.2f} ms a drawing at {options.size} px. "
        f"Load average of the machine meanwhile: {os.getloadavg()[2]:.0f}.",
    ]
    options.out.write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    main()
