"""Two gloo processes train the model that one process would."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from accelerate import Accelerator
from safetensors.torch import load_file

from edgepatent_runtime.record import Skipped
from edgepatent_train.data import read_records
from edgepatent_train.gradcache import contrastive_backward
from edgepatent_train.learner import freeze_bn
from edgepatent_train.losses import ContrastiveLoss
from edgepatent_train.model import build_model
from edgepatent_train.recipe import LossRecipe, ModelRecipe, Recipe
from edgepatent_train.recipe_file import load_recipe
from edgepatent_train.trainer import train

N = 11  # odd: the processes hold shares of different size
RECIPE = """
[model]
backbone = "test_efficientnet"
size = 32
dimensions = 16
[sampler]
classes = 2
subclasses = 2
[optimizer]
epochs = 1
epoch_steps = 3
backbone_lr = 1.0
freeze_bn = true
"""


def gradients(micro_batch: int) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Loss and gradients of a fixed batch, with as many processes as there are."""
    accelerator = Accelerator(cpu=True)
    encoder = build_model(Recipe(ModelRecipe("test_efficientnet", size=32, dimensions=16)))
    model = accelerator.prepare_model(encoder)
    loss = ContrastiveLoss(LossRecipe(tau=0.2, learn_tau=True))
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (N, 1, 32, 32), generator=generator)
    patent = torch.arange(N) // 2
    freeze_bn(model.train())
    mine = pixels[accelerator.process_index :: accelerator.num_processes]
    labels = (torch.stack((patent, patent // 2, patent // 4), 1),)
    value = contrastive_backward(accelerator, model, loss, mine, labels, micro_batch=micro_batch)
    found = [p.grad for p in [*encoder.parameters(), *loss.parameters()]]
    assert all(g is not None for g in found)
    return value, [g for g in found if g is not None]


def work(folder: Path) -> None:
    """What each process does: two gradients, then a small training."""
    torch.set_num_threads(1)
    results = [gradients(micro_batch) for micro_batch in (0, 2)]
    records = read_records([str(folder / "designs")], Skipped())
    world = torch.distributed.get_world_size() if torch.distributed.is_initialized() else 1
    train(load_recipe(folder / "tiny.toml"), records, folder / f"run{world}")
    if int(os.environ.get("RANK", "0")) == 0:
        torch.save(results, folder / f"{world}.pt")


def test_two_processes_are_one(tmp_path: Path, designs: Callable[..., Path]) -> None:
    designs()
    (tmp_path / "tiny.toml").write_text(RECIPE)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    processes = [
        subprocess.Popen(
            [sys.executable, __file__, str(tmp_path)],
            env={
                **os.environ,
                "ACCELERATE_USE_CPU": "true",
                "MASTER_ADDR": "127.0.0.1",
                "MASTER_PORT": str(port),
                "WORLD_SIZE": "2",
                "RANK": str(rank),
                "LOCAL_RANK": str(rank),
            },
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    work(tmp_path)
    for process in processes:
        _, error = process.communicate()
        assert process.returncode == 0, error[-2000:]
    one, two = (torch.load(tmp_path / f"{world}.pt") for world in (1, 2))
    for (loss, ours), (whole_loss, whole) in zip(two, one, strict=True):
        assert torch.allclose(loss, whole_loss, atol=1e-6)
        for a, b in zip(ours, whole, strict=True):
            assert torch.allclose(a, b, atol=1e-5, rtol=1e-4)
    weights = [load_file(tmp_path / f"run{world}/model.safetensors") for world in (1, 2)]
    for name, value in weights[0].items():
        # Adam divides by the gradient's own size: rounding moves what hardly has a gradient.
        assert torch.allclose(value, weights[1][name], atol=2e-3), name


if __name__ == "__main__":
    work(Path(sys.argv[1]))
