"""Embeddings of many drawings with a torch model."""

import hashlib
import io
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from edgepatent_runtime.progress import Progress, silent
from edgepatent_runtime.record import Record, Skipped
from edgepatent_train.cache import cache_folder
from edgepatent_train.checkpoint import write_atomic
from edgepatent_train.data import DrawingSet, Ints, drawing_set
from edgepatent_train.model import DrawingEncoder

Floats = npt.NDArray[np.float32]


def embed(
    model: DrawingEncoder,
    records: Sequence[Record],
    size: int,
    skipped: Skipped,
    *,
    batch: int = 32,
    progress: Progress = silent,
) -> tuple[list[Record], Floats]:
    """The usable records and their embeddings [N, D], unit length.

    ``size`` is the recipe's ``model.size``. Unusable drawings are counted in ``skipped``. Raises
    `TrainingError` where none is usable.
    """
    drawings = drawing_set(records, size, skipped, progress)
    return list(drawings.records), embed_set(model, drawings, batch=batch, progress=progress)


def embed_set(
    model: DrawingEncoder, drawings: DrawingSet, *, batch: int = 32, progress: Progress = silent
) -> Floats:
    """Embeddings [N, D] of a drawing set, the model in eval mode and left as it was."""
    return _apply(model, model.__call__, drawings, batch, "embedding drawings", progress)


def pooled_features(
    model: DrawingEncoder, drawings: DrawingSet, *, batch: int = 32, progress: Progress = silent
) -> Floats:
    """Features [N, C] before the head, the model in eval mode and left as it was."""
    return _apply(model, model.features, drawings, batch, "computing features", progress)


class Embedder(Protocol):
    """`embed_set` or `pooled_features`."""

    __name__: str

    def __call__(
        self, model: DrawingEncoder, drawings: DrawingSet, *, progress: Progress = silent
    ) -> Floats:
        """Rows [N, …] of a drawing set."""
        ...


def remembered(
    function: Embedder, model: DrawingEncoder, drawings: DrawingSet, progress: Progress = silent
) -> Floats:
    """What ``function`` gives for a model and a drawing set, computed once and cached on disk.

    A cache that is named by the digest of network, weights and drawings cannot be stale.
    """
    pool = getattr(model.pool, "p", None)
    network = f"{function.__name__} {drawings.file.name} {model} {pool} {model.taps}"
    key = hashlib.sha256(network.encode())
    key.update(drawings.rows.tobytes())
    for parameter, value in sorted(model.state_dict().items()):
        key.update(parameter.encode() + value.cpu().numpy().tobytes())
    file = cache_folder() / "teachers" / f"{key.hexdigest()[:32]}.npy"
    if file.exists():
        known: Floats = np.load(file, allow_pickle=False)
        return known
    computed = function(model, drawings, progress=progress)
    buffer = io.BytesIO()
    np.save(buffer, computed)
    write_atomic(file, buffer.getvalue())
    return computed


@torch.no_grad()
def _apply(
    model: DrawingEncoder,
    function: Callable[[Tensor], Tensor],
    drawings: DrawingSet,
    batch: int,
    task: str,
    progress: Progress,
) -> Floats:
    device = next(model.parameters()).device
    training = model.training
    model.eval()
    parts = []
    try:
        for indices in _slices(len(drawings), batch):
            pixels = torch.from_numpy(drawings.pixels(indices))[:, None].to(device)
            parts.append(function(pixels).float().cpu().numpy())
            progress(task, int(indices[-1]) + 1, len(drawings))
    finally:
        model.train(training)
    return np.concatenate(parts)


def _slices(total: int, size: int) -> Iterator[Ints]:
    for start in range(0, total, size):
        yield np.arange(start, min(start + size, total))
