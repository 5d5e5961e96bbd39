"""The order of an embedding's dimensions: by how much distance they carry.

Turning to the principal axes before the final normalisation changes no inner product, and the
device pays nothing: the axes are folded into the last linear layer. Fitted once for a run and kept
beside its weights, so that all bundles of the run (FP32, INT8, any target) share one space.
"""

import hashlib
import io
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from edgepatent_runtime.arrays import DAMAGE

Matrix = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
# What runs of all versions call the file that keeps the axes.
FILE = "rotation.npz"


def principal_axes(embeddings: Matrix, kin: Matrix | None = None) -> Matrix:
    """Principal axes of embeddings [N, D] about the origin, largest first: rows of [D, D].

    Uncentred and square, so that no distance changes. The sign of each axis is chosen so that its
    largest component is positive. Where an embedding has two parts, ``kin`` [D] being 1 in one and
    0 in the other, no axis leads out of its part.
    """
    x = embeddings.astype(np.float64)
    moments = x.T @ x
    whole = np.ones(len(moments), bool)
    axes = _axes(moments, [whole] if kin is None else [kin > 0, kin == 0])
    largest = np.take_along_axis(axes, np.abs(axes).argmax(1)[:, None], 1)
    signed: Matrix = (axes * np.where(largest < 0, -1.0, 1.0)).astype(np.float32)
    return signed


def _axes(moments: Doubles, parts: Sequence[npt.NDArray[np.bool_]]) -> Doubles:
    """The principal axes of each part [D] by itself, in the order of what they carry."""
    axes, carried, start = np.zeros_like(moments), np.zeros(len(moments)), 0
    for part in map(np.flatnonzero, parts):
        values, vectors = np.linalg.eigh(moments[np.ix_(part, part)])
        rows = slice(start, start + len(part))
        axes[rows, part], carried[rows] = vectors.T[::-1], values[::-1]
        start += len(part)
    return axes[np.argsort(-carried, kind="stable")]


def axes_of_run(folder: Path, weights: str, fit: Callable[[], Matrix]) -> Matrix:
    """The axes of the run in ``folder`` whose weights have the digest ``weights``.

    Read from the run, else fitted and kept there. A run that cannot be written to is exported
    all the same, into a space of its own.
    """
    file = folder / FILE
    try:
        # Read as a whole: of a damaged archive np.load would leave the file open.
        with np.load(io.BytesIO(file.read_bytes()), allow_pickle=False) as kept:
            if str(kept["weights"]) == weights:
                known: Matrix = kept["rotation"]
                return known
    except DAMAGE:
        pass
    axes = fit()
    part = file.with_suffix(f".{os.getpid()}.part")
    try:
        with part.open("wb") as stream:
            np.savez(stream, rotation=axes, weights=weights)
        part.replace(file)
    except OSError:
        part.unlink(missing_ok=True)
    return axes


def weights_digest(model: torch.nn.Module) -> str:
    """SHA-256 over every parameter and buffer of ``model``, by name."""
    state = hashlib.sha256()
    for name, value in sorted(model.state_dict().items()):
        state.update(name.encode())
        state.update(value.detach().cpu().contiguous().numpy().tobytes())
    return state.hexdigest()


def space_of(weights: str, axes: Matrix, sides: Sequence[int]) -> str:
    """The name of an embedding space: what its FP32 weights, axes and input sizes decide.

    ``sides`` are those at which the network looks at a drawing, its input's first.
    """
    state = hashlib.sha256(" ".join([weights, *map(str, sides)]).encode())
    state.update(np.ascontiguousarray(axes, "<f4").tobytes())
    return state.hexdigest()[:32]


def own_space(space: str, model: bytes) -> str:
    """The space of a model that belongs to ``space`` but strays too far from it to be compared."""
    return hashlib.sha256(space.encode() + model).hexdigest()[:32]
