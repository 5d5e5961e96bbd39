"""Files that are either the old ones or the new ones, whenever the power goes."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

from edgepatent_runtime import whole
from edgepatent_runtime.errors import TrainingError


def write_atomic(file: Path, data: bytes) -> None:
    """Replace ``file`` by ``data``: written beside it, synced, renamed, the folder synced.

    Raises `OSError`, and then leaves the old file as it was.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    whole.write(file, data)


def save_weights(file: Path, weights: Mapping[str, Tensor]) -> None:
    """Write a state dict as safetensors, atomically."""
    plain = {name: value.detach().cpu().contiguous() for name, value in weights.items()}
    write_atomic(file, save(plain))


def save_checkpoint(file: Path, state: dict[str, Any]) -> None:
    """Write a training state, atomically.

    Raises `TrainingError` where it cannot be written; the checkpoint before it is kept.
    """
    buffer = io.BytesIO()
    torch.save(state, buffer)
    try:
        write_atomic(file, buffer.getvalue())
    except OSError as error:
        raise TrainingError(
            f"the checkpoint {file} cannot be written ({error.strerror or error}): the one before "
            "it is kept; make room and go on with --resume"
        ) from error


def load_checkpoint(file: Path) -> dict[str, Any]:
    """Read a training state. Raises `TrainingError` where it is missing or damaged."""
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise TrainingError(
            f"{file.parent.parent} has no checkpoint to resume from: start without --resume"
        ) from None
    except Exception as error:
        raise TrainingError(f"the checkpoint {file} is damaged: start a new run") from error
    assert isinstance(state, dict)
    return state
