"""Locarno subclasses for a drawing, suggested by its neighbours, with calibrated confidence.

The nearest patents vote for their subclass with weight exp(score / T). A share ε of the
confidence goes to all subclasses of the collection by their frequency, for designs whose kind the
neighbours do not show. T and ε are fitted on the collection itself: a sample of its patents is
classified as if it were not there, and the likelihood of the true subclasses is maximised
(temperature scaling: Guo et al., "On calibration of modern neural networks", 2017, with a nearest
neighbour vote in place of a network). That likelihood is about all subclasses; for the first one
alone a sigmoid of its log-odds is fitted afterwards (Platt, "Probabilistic outputs for support
vector machines", 1999), the others keep their proportions.

So a confidence means: of designs that the model and this collection know this well, that share
was of that subclass.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from edgepatent_runtime.errors import CollectionError
from edgepatent_runtime.search import cases, logistic, ranking
from edgepatent_runtime.search.calibration import Confidence
from edgepatent_runtime.search.cases import Cases
from edgepatent_runtime.search.results import Hit
from edgepatent_runtime.search.searchable import Moment, Searchable

NEIGHBOURS = 40
_TEMPERATURES = np.geomspace(0.002, 0.3, 24)
_PRIORS = np.array([0.002, 0.005, 0.01, 0.02, 0.04, 0.07, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5])

Floats = npt.NDArray[np.float64]


class Suggestion(NamedTuple):
    """A subclass, how likely it is (0 to 1), and the neighbours that speak for it, best first."""

    subclass: str
    confidence: float
    evidence: list[Hit]


class Classifier:
    """Suggests subclasses from the patents of stores.

    ``confidence`` is what was fitted to them, for as many views of a design as will be shown at
    once. Raises `CollectionError` where fewer than two patents have a subclass.
    """

    def __init__(self, stores: Sequence[Searchable], confidence: Confidence | None) -> None:
        self.stores = stores
        self._frequency = _frequency(stores)
        self.subclasses = list(self._frequency)
        self._number = {name: number for number, name in enumerate(self.subclasses)}
        if confidence is None:
            raise CollectionError(
                "fewer than two indexed patents have a Locarno subclass: index patents whose "
                "metadata name one"
            )
        self.calibration = confidence
        self._prior = _shares_of(self._frequency)

    def suggest(
        self, embeddings: npt.NDArray[np.float32], exclude: Sequence[bytes] = ()
    ) -> list[Suggestion]:
        """Subclasses for the views ``embeddings`` [V, D] of one design, likeliest first.

        ``exclude`` as in `ranking.search`. Those that no neighbour speaks for are left out; their
        confidence is what is missing to 1.
        """
        answer = ranking.search(self.stores, embeddings, top=NEIGHBOURS, exclude=exclude)
        hits = [hit for hit in answer.hits if hit.subclass in self._number]
        fitted = self.calibration
        scores = np.array([[hit.score for hit in hits]], np.float64)
        labels = np.array([[self._number[hit.subclass or ""] for hit in hits]], np.int64)
        shares = _shares(scores, labels, self._prior, fitted.temperature, fitted.prior)[0]
        shares = _sharpened(shares, fitted.slope, fitted.offset)
        evidence: dict[str, list[Hit]] = {}
        for hit in hits:
            evidence.setdefault(hit.subclass or "", []).append(hit)
        suggestions = [
            Suggestion(name, float(shares[self._number[name]]), speaking)
            for name, speaking in evidence.items()
        ]
        return sorted(suggestions, key=lambda suggestion: -suggestion.confidence)


def measure(stores: Sequence[Searchable], views: int) -> Confidence | None:
    """What `fit` finds for the largest of ``stores``, whose stored calibration is missing."""
    found: list[Confidence] = []
    for store in stores:
        with store.moment() as moment:
            fitted = fit(moment, cases.gather(moment, views))
            found += [] if fitted is None else [fitted]
    return max(found, key=lambda one: one.patents, default=None)


def fit(moment: Moment, gathered: Cases) -> Confidence | None:
    """Fit to an index's own patents; None where fewer than two of them have a subclass."""
    frequency: dict[str, int] = {}
    for _, subclass in moment.patents():
        if subclass is not None:
            frequency[subclass] = frequency.get(subclass, 0) + 1
    if sum(frequency.values()) < 2:
        return None
    number = {name: place for place, name in enumerate(frequency)}
    prior = _shares_of(frequency)
    asked = np.unique(np.concatenate([gathered.rows.ravel(), gathered.owners]))
    facts = moment.facts(asked.tolist())
    label = np.array([number.get(facts[row].record.subclass or "", -1) for row in asked.tolist()])
    truths = label[np.searchsorted(asked, gathered.owners)]
    kept = truths >= 0
    if not kept.any():
        return None
    truths = truths[kept]
    labels = label[np.searchsorted(asked, gathered.rows[kept])]
    scores = np.where(labels >= 0, gathered.scores[kept].astype(np.float64), -np.inf)
    order = np.argsort(-scores, axis=1, kind="stable")[:, :NEIGHBOURS]
    scores = np.take_along_axis(scores, order, axis=1)
    labels = np.take_along_axis(labels, order, axis=1)
    chance = prior[truths]
    best = (np.inf, 0.0, 0.0)
    for temperature in _TEMPERATURES.tolist():
        weights, voted = _weights(scores, temperature)
        pure = (weights * (labels == truths[:, None])).sum(axis=1)
        pure = np.where(voted, pure, chance)
        for share in _PRIORS.tolist():
            loss = -float(np.log((1 - share) * pure + share * chance).mean())
            best = min(best, (loss, temperature, share))
    _, temperature, share = best
    fitted = _shares(scores, labels, prior, temperature, share)
    right = fitted.argmax(axis=1) == truths
    slope, offset = _fit_sigmoid(_log_odds(fitted.max(axis=1)), right)
    sure = [_sharpened(one, slope, offset).max() for one in fitted]
    return Confidence(
        temperature,
        share,
        slope,
        offset,
        patents=len(np.unique(gathered.owners[kept])),
        accuracy=float(right.mean()),
        ece=expected_calibration_error(sure, right),
    )


def _shares_of(frequency: dict[str, int]) -> Floats:
    """The share [C] of patents that each subclass has."""
    counts = np.array(list(frequency.values()), np.float64)
    shares: Floats = counts / counts.sum()
    return shares


def _weights(scores: Floats, temperature: float) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """What each neighbour [N, K] weighs among those of its case, and which cases have some."""
    voted = np.asarray(np.isfinite(scores).any(axis=1))
    first = np.where(voted, scores.max(axis=1, initial=-np.inf), 0.0)
    weights: Floats = np.exp((scores - first[:, None]) / temperature)
    weights /= np.maximum(weights.sum(axis=1, keepdims=True), 1e-12)
    return weights, voted


def _shares(
    scores: Floats, labels: npt.NDArray[np.int64], prior: Floats, temperature: float, share: float
) -> Floats:
    """The confidence [N, C] in every subclass from neighbours [N, K]; each line sums to 1."""
    weights, voted = _weights(scores, temperature)
    out = np.zeros((len(scores), len(prior)))
    for line, (weight, label) in enumerate(zip(weights, labels, strict=True)):
        if voted[line]:
            there = weight > 0
            out[line] = (1 - share) * np.bincount(label[there], weight[there], len(prior))
            out[line] += share * prior
        else:
            out[line] = prior
    return out


def _log_odds(share: npt.ArrayLike) -> Floats:
    kept: Floats = np.clip(np.asarray(share, np.float64), 1e-4, 1 - 1e-4)
    return np.log(kept / (1 - kept))


def _sharpened(shares: Floats, slope: float, offset: float) -> Floats:
    """Shares [C] with the largest put through the sigmoid and the others scaled to sum to 1."""
    first = int(shares.argmax())
    sure = logistic.sigmoid(slope * _log_odds(shares[first]) + offset)
    out: Floats = shares * ((1 - sure) / max(1 - shares[first], 1e-12))
    out[first] = sure
    return out


def _fit_sigmoid(odds: Floats, right: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """Slope and offset of P(right) = sigmoid(slope · odds + offset).

    The targets are Platt's, drawn in from 0 and 1 by one case, so that a sample without a single
    mistake does not promise certainty; a weak pull goes towards slope 1, offset 0.
    """
    wins = int(right.sum())
    target = np.where(right, (wins + 1) / (wins + 2), 1 / (len(right) - wins + 2))
    fitted = logistic.fit(odds[:, None], target, np.ones(len(odds)), np.array([1.0, 0.0]))
    return float(max(fitted[0], 0.0)), float(fitted[1])


def expected_calibration_error(
    confidence: npt.ArrayLike, right: npt.ArrayLike, *, bins: int = 10
) -> float:
    """Σ over equal bins of confidence: share of cases × |accuracy − mean confidence|.

    ``confidence`` [N] between 0 and 1, ``right`` [N] bool. Guo et al. 2017, equation 3.
    """
    sure = np.asarray(confidence, np.float64)
    hit = np.asarray(right, np.float64)
    place = np.minimum((sure * bins).astype(np.int64), bins - 1)
    gaps = np.bincount(place, hit - sure, bins)
    return float(np.abs(gaps).sum() / len(sure))


def _frequency(stores: Sequence[Searchable]) -> dict[str, int]:
    """How many patents have which subclass; one in several stores counts once."""
    found: dict[str, str] = {}
    for store in stores:
        with store.moment() as moment:
            for number, subclass in moment.patents():
                if subclass is not None:
                    found.setdefault(number, subclass)
    frequency: dict[str, int] = {}
    for subclass in found.values():
        frequency[subclass] = frequency.get(subclass, 0) + 1
    return frequency
