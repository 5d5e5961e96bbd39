"""What a run has to tell: metrics.jsonl, and TensorBoard where it is asked for."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from edgepatent_runtime.errors import MissingExtraError
from edgepatent_train.checkpoint import write_atomic


class Journal:
    """Appends one JSON object a line, each with its step.

    With ``tensorboard`` every number goes to event files in that folder as well; raises
    `MissingExtraError` where TensorBoard is not installed.
    """

    def __init__(self, file: Path, tensorboard: Path | None = None) -> None:
        self.file = file
        self._writer: Any = None
        if tensorboard is not None:
            try:
                from torch.utils.tensorboard import SummaryWriter
            except ImportError as error:
                raise MissingExtraError("train --tensorboard", "tensorboard") from error
            self._writer = SummaryWriter(str(tensorboard))

    def begin(self, step: int) -> None:
        """Drop what was written after ``step``: lines that a resumed run will write again."""
        lines = self.file.read_bytes().splitlines(keepends=True) if self.file.exists() else []
        write_atomic(self.file, b"".join(line for line in lines if _step_of(line) <= step))

    def log(self, step: int, **values: Any) -> None:
        """Write one line."""
        with self.file.open("ab") as out:
            out.write(msgspec.json.encode({"step": step, **values}) + b"\n")
        if self._writer is not None:
            for name, value in _numbers(values):
                self._writer.add_scalar(name, value, step)
            self._writer.flush()


def _numbers(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, float]]:
    """All numbers of a nested document with their path."""
    found: list[tuple[str, float]] = []
    for name, value in values.items():
        if isinstance(value, Mapping):
            found += _numbers(value, f"{prefix}{name}/")
        elif isinstance(value, int | float):
            found.append((prefix + name, float(value)))
    return found


def _step_of(line: bytes) -> int:
    """The step of a line; one cut short by a crash counts as later than any."""
    try:
        step = msgspec.json.decode(line)["step"]
    except (msgspec.DecodeError, KeyError, TypeError):
        return 1 << 62
    assert isinstance(step, int)
    return step
