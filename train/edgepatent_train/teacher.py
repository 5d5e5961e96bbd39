"""What teachers say of each drawing: computed once and cached on disk, or read from a file.

A teacher is a run of this package or a timm network with pretrained weights, each at its own input
size with its own preprocessing. Several of them are one: their unit vectors side by side, scaled,
so that the inner product of two drawings is the mean of the teachers' cosines. A file of vectors
(`stored`) is a teacher too; each of its spaces stays one of its own.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import timm
import torch
from torch import Tensor

from edgepatent_runtime.errors import TrainingError
from edgepatent_runtime.metrics import score_queries
from edgepatent_runtime.progress import Progress
from edgepatent_runtime.record import Skipped
from edgepatent_train.data import DrawingSet, drawing_set
from edgepatent_train.distill import Told
from edgepatent_train.embed import embed_set, pooled_features, remembered
from edgepatent_train.model import DrawingEncoder, build_model
from edgepatent_train.recipe import DistillRecipe, ModelRecipe, Recipe
from edgepatent_train.run import RECIPE, Run
from edgepatent_train.stored import SUFFIXES, Space, Stored, describe

Floats = npt.NDArray[np.float32]
JUDGED = 500  # drawings on which a teacher is compared with plain pixels


def listen(
    recipe: DistillRecipe,
    drawings: DrawingSet,
    dimensions: int,
    progress: Progress,
    notify: Callable[[str], None],
) -> list[tuple[Told, Tensor | Space]]:
    """The spaces of all teachers: what each is, and its vectors by number of the drawing.

    A space gives float32 [n, T] for the drawings int64 [n] it is indexed with, unit length, zeros
    for a drawing of which it knows nothing. ``dimensions`` are the student's. Raises what
    `open_teacher` and `Stored` raise, and `TrainingError` for weights of spaces that are nowhere.
    """
    networks = [name for name in recipe.teachers if not name.endswith(SUFFIXES)]
    found: list[tuple[Told, Tensor | Space]] = []
    if networks:
        notify(f"asking the teacher about {len(drawings)} drawings")
        told = teach(networks, drawings, progress)
        warning = no_better_than_pixels(told, drawings)
        if warning:
            notify(f"warning: {warning}")
        told = narrowed(told, dimensions)
        found.append((Told(told.shape[1]), torch.from_numpy(told)))
    named: set[str] = set()
    for name in recipe.teachers:
        if not name.endswith(SUFFIXES):
            continue
        stored = Stored.open(Path(name))
        named.update(stored.spaces)
        spaces = stored.told(drawings.records, recipe.spaces, centre=recipe.centre)
        if spaces:
            notify(describe(stored, spaces))
        found += [
            (Told(space.dimensions, recipe.spaces.get(space.name, 1.0), mapped=True), space)
            for space in spaces
        ]
    strange = sorted(recipe.spaces.keys() - named)
    if strange:
        known = ", ".join(sorted(named)) or "none"
        raise TrainingError(f"no teacher has a space {strange[0]} (distill.spaces); known: {known}")
    return found


def open_teacher(name: str) -> tuple[DrawingEncoder, int, bool]:
    """The network, its input size, and whether its head is trained (a run) or to be left out.

    A timm network is built from its pretrained weights with its own pooling: its normalisation is
    folded into the first layer, so that it cannot be fed wrongly. Raises what `Run.model` and
    `build_backbone` raise.
    """
    if (Path(name) / RECIPE).is_file():
        run = Run.open(name)
        return run.model(), run.recipe.model.size, True
    config = timm.get_pretrained_cfg(name) if timm.is_model(name) else None
    size = config.input_size[-1] if config else 224
    model = build_model(Recipe(ModelRecipe(name, size=size, weights="timm", pool="native")))
    return model.eval(), size, False


def teach(names: Sequence[str], drawings: DrawingSet, progress: Progress) -> Floats:
    """The teachers' embeddings [N, T] of a drawing set, unit length.

    Drawings are read again where a teacher's size is another. What a teacher (by the digest of its
    weights) has said of a set of drawings is kept in the cache.
    """
    parts = [_one(name, drawings, progress) for name in names]
    return np.concatenate(parts, axis=1) / np.float32(np.sqrt(len(parts)))


def narrowed(told: Floats, dimensions: int) -> Floats:
    """Teachers' embeddings [N, T] in at most ``dimensions``, unit length.

    Turned to their principal axes, of which the first are kept: inner products change as little
    as they can. A student of that many dimensions then has to point where the teacher does; behind
    a map of its own it may keep another geometry altogether.
    """
    if told.shape[1] <= dimensions:
        return told
    axes = np.linalg.eigh(told.T.astype(np.float64) @ told)[1][:, ::-1][:, :dimensions]
    turned = told @ axes
    few: Floats = (turned / np.linalg.norm(turned, axis=1, keepdims=True)).astype(np.float32)
    return few


def no_better_than_pixels(embeddings: Floats, drawings: DrawingSet) -> str:
    """A warning where the teacher retrieves patents no better than 32×32 pixels; else empty.

    That is what a teacher looks like that is fed with the wrong normalisation, or was never
    trained. Judged on the first few hundred drawings; empty where no patent has two, or all are
    of one (a folder of drawings of which nothing is known).
    """
    some = np.arange(min(JUDGED, len(drawings)))
    pixels = np.stack([_shrink(drawings.pixels(int(i))) for i in some])
    labels = [drawings.records[i].patent_id for i in some]
    unknown: list[str | None] = [None] * len(some)
    found = [
        np.nanmean([*score_queries(z, labels, unknown, unknown).measures["patent"]["map"], np.nan])
        for z in (embeddings[some], pixels)
        if len(set(labels)) > 1
    ]
    if len(found) < 2 or not found[0] <= found[1]:
        return ""
    return (
        f"the teacher finds patents no better than plain pixels do (mAP {found[0]:.3f} against "
        f"{found[1]:.3f}): is it trained, and are its weights the right ones?"
    )


def _shrink(drawing: npt.NDArray[np.uint8]) -> Floats:
    small = cv2.resize(drawing, (32, 32), interpolation=cv2.INTER_AREA).astype(np.float32).ravel()
    small = 255 - small
    return small / max(float(np.linalg.norm(small)), 1e-6)


def _one(name: str, drawings: DrawingSet, progress: Progress) -> Floats:
    model, size, whole = open_teacher(name)
    # Of its own size they are there already, perhaps as a part of a larger set.
    at_size = drawings
    if drawings.pixels(0).shape[-1] != size:
        at_size = drawing_set(drawings.records, size, Skipped(), progress)
    embeddings = remembered(embed_set if whole else pooled_features, model, at_size, progress)
    unit: Floats = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    return unit
