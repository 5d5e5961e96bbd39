"""An index measures itself: what `calibration` keeps, fitted to `cases`."""

import msgspec
import numpy as np
import numpy.typing as npt

from edgepatent_runtime.ordered import percentile
from edgepatent_runtime.progress import Progress, silent
from edgepatent_runtime.search import calibration, cases, kinds, logistic, scale
from edgepatent_runtime.search.calibration import Calibration
from edgepatent_runtime.search.cases import NEIGHBOURS, Cases
from edgepatent_runtime.search.scale import Scale
from edgepatent_runtime.search.searchable import Moment, Searchable

VIEWS = (1, 2, 4)
"""Queries of so many views are calibrated; others take the next smaller number."""

_GROWN = 1.25

# So many questions in a hundred may find another design from there on.
_RARE = 1

Floats = npt.NDArray[np.float64]


def due(store: Searchable, progress: Progress = silent) -> bytes | None:
    """What is to be kept with ``store``; None where what is kept still serves.

    That is until the number of its patents has changed by a quarter.
    """
    known = calibration.of(store)
    with store.moment() as moment:
        _, patents = moment.counts()
        if known is None:
            wanted = patents > 1
        else:
            wanted = not known.patents / _GROWN < patents < known.patents * _GROWN
        if not wanted:
            return None
        return msgspec.json.encode(measure(moment, store.space, progress))


def measure(moment: Moment, space: str, progress: Progress = silent) -> Calibration:
    """Ask the index about its own patents, and fit what came of it."""
    _, patents = moment.counts()
    scales, confidences = {}, {}
    for views in VIEWS:
        gathered = cases.gather(moment, views, progress=progress)
        if not len(gathered.owners):
            break
        fitted = fit(gathered) if patents >= calibration.DESIGNS else None
        if fitted is not None:
            scales[views] = fitted
        confidence = kinds.fit(moment, gathered)
        if confidence is not None:
            confidences[views] = confidence
    return Calibration(calibration.FORMAT, space, patents, scales, confidences)


def fit(cases: Cases) -> Scale | None:
    """A scale for what `cases.gather` found; None where that is too little to tell.

    A logistic regression (Platt, "Probabilistic outputs for support vector machines", 1999) of
    score and standing out. Each case is asked twice: with the design indexed in another drawing,
    where there is one, and with the design not indexed at all; each way has half of the weight.
    Learnt from is the first hit: with the ten best, first hits were called less sure than they are.
    ``benchmarks/trust.md`` says how right this is on patents held out.
    """
    scores, own = cases.scores.astype(np.float64), cases.own.astype(np.float64)
    indexed = np.isfinite(own)
    if len(np.unique(cases.owners[indexed])) < calibration.SEVERAL:
        return None
    features: list[tuple[float, float]] = []
    right: list[bool] = []
    weights: list[float] = []
    usual: list[tuple[float, float]] = []
    for others, mine, there in zip(scores, own, indexed, strict=True):
        for known in (False, True) if there else (False,):
            field = np.sort(np.append(others, mine))[::-1][:NEIGHBOURS] if known else others
            near = scale.neighbours(field)
            if near is None:
                continue
            usual.append(near)
            features.append((field[0], (field[0] - near[0]) / near[1]))
            right.append(known and field[0] == mine)
            share = 0.5 / indexed.sum() if known else 0.5 / len(scores)
            weights.append(share * len(scores))
    if not features:
        return None
    design, targets = np.array(features, np.float64), np.array(right, np.float64)
    centre, unit = design.mean(axis=0), design.std(axis=0) + 1e-9
    fitted = logistic.fit(
        (design - centre) / unit, targets, np.array(weights), np.zeros(design.shape[1] + 1)
    )
    # More of either never makes a hit worse.
    slopes = np.maximum(fitted[:-1], 0) / unit
    level, spread = np.median(np.array(usual), axis=0)
    return Scale(
        score=float(slopes[0]),
        standout=float(slopes[1]),
        offset=float(fitted[-1] - slopes @ centre),
        level=float(level),
        spread=float(spread),
        cases=len(features),
        beyond=max(scale.CLOSEST, percentile(scores[:, 0], 100 - _RARE)),
    )
