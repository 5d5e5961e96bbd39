"""Train the network that reads captions, and store it as ``figures/captions.onnx`` in INT8.

    python recipes/captions/train.py FONTS captions.onnx

FONTS is a folder with font files at any depth. Twenty minutes on one core.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quant_pre_process,
    quantize_static,
)
from samples import Samples
from torch import nn

from edgepatent_runtime.figures.reader import ALPHABET, HEIGHT, WIDTH
from edgepatent_synthetic import render

Frames = npt.NDArray[np.uint8]
BATCH = 96


class Reader(nn.Module):
    """Frames uint8 [N, 1, HEIGHT, WIDTH] → scores float32 [N, WIDTH / 2, 1 + len(ALPHABET)]."""

    def __init__(self) -> None:
        super().__init__()

        def step(
            inner: int, outer: int, kernel: tuple[int, int], stride: tuple[int, int], pad: int
        ) -> nn.Sequential:
            convolution = nn.Conv2d(inner, outer, kernel, stride, (pad, kernel[1] // 2), bias=False)
            return nn.Sequential(convolution, nn.BatchNorm2d(outer), nn.ReLU())

        self.layers = nn.Sequential(
            step(1, 12, (5, 5), (2, 2), 2),
            step(12, 24, (3, 3), (2, 1), 1),
            step(24, 40, (3, 3), (2, 1), 1),
            step(40, 64, (3, 3), (1, 1), 0),
            step(64, 64, (1, 5), (1, 1), 0),
            nn.Dropout(0.1),
            nn.Conv2d(64, 1 + len(ALPHABET), 1),
        )

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        """Scores of every letter at every second column."""
        ink = (255 - frames.float()) / 128
        scores: torch.Tensor = self.layers(ink)
        return scores.squeeze(2).transpose(1, 2)


def drawn(samples: Samples, count: int) -> tuple[Frames, list[str]]:
    """``count`` frames [N, HEIGHT, WIDTH] and their texts."""
    frames = np.empty((count, HEIGHT, WIDTH), np.uint8)
    texts = []
    for index in range(count):
        frames[index], text = samples.draw()
        texts.append(text)
    return frames, texts


def varied(frames: Frames, draw: np.random.Generator) -> Frames:
    """Frames shifted by a pixel or two, with a little noise."""
    out = np.roll(frames, int(draw.integers(-1, 2)), axis=1)
    out = np.roll(out, int(draw.integers(0, 3)), axis=2)
    noise = draw.normal(0, draw.uniform(0, 12), out.shape)
    return (out + noise).clip(0, 255).astype(np.uint8)


def train(frames: Frames, texts: list[str], steps: int, seed: int) -> Reader:
    """A network trained with CTC (Graves et al. 2006) and a one-cycle learning rate."""
    torch.manual_seed(seed)
    draw = np.random.default_rng(seed)
    network = Reader()
    optimiser = torch.optim.AdamW(network.parameters(), 3e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, steps)
    loss_of = nn.CTCLoss(zero_infinity=True)
    codes = [torch.tensor([1 + ALPHABET.index(c) for c in text]) for text in texts]
    started, mean = time.monotonic(), 0.0
    for step in range(steps):
        chosen = draw.integers(len(frames), size=BATCH)
        scores = network(torch.from_numpy(varied(frames[chosen], draw))[:, None])
        targets = [codes[index] for index in chosen]
        loss = loss_of(
            scores.log_softmax(2).transpose(0, 1),
            torch.cat(targets).long(),
            torch.full((BATCH,), scores.shape[1]),
            torch.tensor([len(target) for target in targets]),
        )
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimiser.step()
        schedule.step()
        mean = 0.98 * mean + 0.02 * loss.item()
        if step % 100 == 99:
            rate = (step + 1) / (time.monotonic() - started)
            print(f"{step + 1}/{steps}  loss {mean:.3f}  {rate:.1f} steps/s", file=sys.stderr)
    return network.eval()


class Calibration(CalibrationDataReader):  # type: ignore[misc]
    """Frames that tell the ranges of activations."""

    def __init__(self, frames: Frames) -> None:
        self._batches: Iterator[Frames] = iter(np.array_split(frames[:, None], 16))

    def get_next(self) -> dict[str, Frames] | None:
        """The next batch, None at the end."""
        batch = next(self._batches, None)
        return None if batch is None else {"frames": batch}


def store(network: Reader, frames: Frames, out: Path) -> None:
    """Write the network as ONNX in FP32 and, beside it, in INT8 as ``out``."""
    with tempfile.TemporaryDirectory() as folder:
        plain, ready = out.with_suffix(".fp32.onnx"), Path(folder) / "ready.onnx"
        torch.onnx.export(
            network,
            (torch.from_numpy(frames[:2, None]),),
            str(plain),
            input_names=["frames"],
            output_names=["scores"],
            dynamic_axes={"frames": {0: "N"}, "scores": {0: "N"}},
            dynamo=False,
        )
        quant_pre_process(str(plain), str(ready))
        # Weights of 7 bits cannot overflow in the fast kernels of any processor.
        quantize_static(
            str(ready),
            str(out),
            Calibration(frames),
            quant_format=QuantFormat.QOperator,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
            reduce_range=True,
            op_types_to_quantize=["Conv"],
        )


def main() -> None:
    """Draw, train, store."""
    parser = argparse.ArgumentParser()
    parser.add_argument("fonts", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--samples", type=int, default=24_000)
    parser.add_argument("--steps", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=0)
    wanted = parser.parse_args()
    pages = [
        render(f"synthetic:seed={wanted.seed},design={design},view={view},captions=0")
        for design in range(150)
        for view in range(2)
    ]
    samples = Samples(wanted.fonts, pages, wanted.seed)
    frames, texts = drawn(samples, wanted.samples)
    print("samples drawn", file=sys.stderr)
    network = train(frames, texts, wanted.steps, wanted.seed)
    store(network, frames[:512], wanted.out)


if __name__ == "__main__":
    main()
