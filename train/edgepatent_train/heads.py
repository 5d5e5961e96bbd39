"""A head's first weights: fitted in closed form on the training drawings, part by part."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from edgepatent_runtime.errors import TrainingError
from edgepatent_runtime.progress import Progress
from edgepatent_train.batchnorm import settle
from edgepatent_train.data import DrawingSet
from edgepatent_train.distill import Told
from edgepatent_train.embed import Floats, pooled_features, remembered
from edgepatent_train.model import DrawingEncoder
from edgepatent_train.recipe import Recipe
from edgepatent_train.ridge import fit_ridge, fused, one_hot, standardising
from edgepatent_train.stored import Space
from edgepatent_train.whiten import Doubles, discriminate, whiten, within


def fit_head(
    encoder: DrawingEncoder,
    recipe: Recipe,
    drawings: DrawingSet,
    told: Sequence[tuple[Told, Tensor | Space]],
    progress: Progress,
) -> None:
    """Set the encoder's head as ``model.head`` and, for the kin part, ``kin`` say.

    Where the recipe mixes sources, each part is fitted on the drawings of those that teach it.
    ``told`` is what teachers say of the drawings. Raises `TrainingError` where nothing is known
    that a part could be fitted on.
    """
    if not recipe.model.weights:
        settle(encoder, drawings)
    features = remembered(pooled_features, encoder, drawings, progress)
    many = recipe.kin.dimensions
    if not many:
        _twin(encoder.head, encoder, recipe, drawings, features)
        return
    width = encoder.head.in_features
    kin, twin = nn.Linear(width, many), nn.Linear(width, recipe.model.dimensions - many)
    # Where it is known what differs within a patent, kin too are told by what does not.
    views = _taught_by(recipe, "twin", drawings)
    space = standardising(features[_taught_by(recipe, "kin", drawings)])
    if recipe.model.head == "discriminative" and views.any():
        white = within(features[views], drawings.patent[views], encoder.widths)[1]
        space = space if white is None else (space[0], white)
    _kin(kin, recipe, drawings, told, features, space)
    _twin(twin, encoder, recipe, drawings, features)
    fused((kin, twin), encoder.head)


def _taught_by(recipe: Recipe, part: str, drawings: DrawingSet) -> npt.NDArray[np.bool_]:
    """Which drawings [N] are of a source that teaches a part."""
    teaches = [part in source.parts for source in recipe.sources] or [True]
    taught: npt.NDArray[np.bool_] = np.array(teaches)[drawings.source]
    return taught


def _twin(
    head: nn.Linear,
    encoder: DrawingEncoder,
    recipe: Recipe,
    drawings: DrawingSet,
    features: Floats,
) -> None:
    some = _taught_by(recipe, "twin", drawings)
    if recipe.model.head == "linear" or not some.any():
        return
    if recipe.model.head == "whitened":
        whiten(head, features[some], recipe.model.whiten_power)
    else:
        discriminate(head, features[some], drawings.patent[some], encoder.widths)


def _kin(
    head: nn.Linear,
    recipe: Recipe,
    drawings: DrawingSet,
    told: Sequence[tuple[Told, Tensor | Space]],
    features: Floats,
    space: tuple[Doubles, Doubles],
) -> None:
    some = np.flatnonzero(_taught_by(recipe, "kin", drawings))
    own = drawings.subset(some)
    targets: list[tuple[Floats, npt.NDArray[np.bool_]]] = []
    for each, vectors in told:
        block: Floats = np.float32(each.weight) * vectors[torch.from_numpy(some)].numpy()
        targets.append((block, np.abs(block).sum(1) > 0))
    for level, weight in recipe.kin.labels.items():
        labels = own.level(level)
        targets.append((np.float32(weight) * one_hot(labels), labels >= 0))
    targets = [(block, known) for block, known in targets if known.any() and block.any()]
    if not targets:
        raise TrainingError("nothing is known of kin: no drawing has a class or a teacher's vector")
    fit_ridge(head, features[some], targets, recipe.kin.ridge, space)
