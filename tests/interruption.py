"""A training that is cut off in the middle, and whether going on ends where it would have."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from edgepatent_train.learner import Learner


@contextmanager
def cut_at(step: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What trains in this block is interrupted when it comes to ``step``."""
    taken = Learner.step

    def step_or_die(self: Learner, number: int, *rest: Any) -> tuple[float, float]:
        if number == step:
            raise InterruptedError
        return taken(self, number, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(Learner, "step", step_or_die)
        with pytest.raises(InterruptedError):
            yield


def require_same_weights(run: Path, other: Path) -> None:
    """Fail unless two runs have the same weights, bit for bit."""
    others = load_file(other / "model.safetensors")
    for name, value in load_file(run / "model.safetensors").items():
        assert torch.equal(value, others[name])
