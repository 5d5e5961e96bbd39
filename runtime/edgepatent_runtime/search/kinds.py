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
from edgepatent_runtime.filters import Filters
from edgepatent_runtime.search import ranking
from edgepatent_runtime.search.results import Hit
from edgepatent_runtime.search.searchable import Searchable

NEIGHBOURS = 40
# Cases that confidence is fitted to. With 300 the calibration error on other designs was .02 to
# .06, with 600 .02 to .04, at twice the time (2 s over 1,400 rows).
SAMPLE = 600
# In a small collection each patent is a case several times, with other drawings of it.
MOST_ROUNDS = 5
_TEMPERATURES = np.geomspace(0.002, 0.3, 24)
_PRIORS = np.array([0.002, 0.005, 0.01, 0.02, 0.04, 0.07, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5])

Floats = npt.NDArray[np.float64]


class Suggestion(NamedTuple):
    """A subclass, how likely it is (0 to 1), and the neighbours that speak for it, best first."""

    subclass: str
    confidence: float
    evidence: list[Hit]


class Calibration(NamedTuple):
    """What was fitted: T (a cosine), ε, and the sigmoid's slope and offset for the first.

    On how many patents, and how often they were right first; ``ece`` is the expected calibration
    error on those patents, between 0 and 1.
    """

    temperature: float
    prior: float
    slope: float
    offset: float
    patents: int
    accuracy: float
    ece: float


class _Votes(NamedTuple):
    """The scores [N] and subclass numbers [N] of neighbours, best first."""

    scores: Floats
    labels: npt.NDArray[np.int64]


class Classifier:
    """Suggests subclasses from the patents of stores.

    ``views`` is how many drawings of a design will be shown at once: the sample is classified
    with as many. Raises `CollectionError` where fewer than two patents have a subclass.
    """

    def __init__(self, stores: Sequence[Searchable], *, views: int = 1, seed: int = 0) -> None:
        self.stores = stores
        labelled, self._frequency = _labels(stores)
        self.subclasses = list(self._frequency)
        self._number = {name: number for number, name in enumerate(self.subclasses)}
        if len(labelled) < 2:
            raise CollectionError(
                "fewer than two indexed patents have a Locarno subclass: index patents whose "
                "metadata name one"
            )
        counts = np.array([self._frequency[name] for name in self.subclasses], np.float64)
        self._prior: Floats = counts / counts.sum()
        self.calibration = self._calibrate(labelled, views, seed)

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
        shares = self._shares(self._votes(hits), fitted.temperature, fitted.prior)
        shares = _sharpened(shares, fitted.slope, fitted.offset)
        evidence: dict[str, list[Hit]] = {}
        for hit in hits:
            evidence.setdefault(hit.subclass or "", []).append(hit)
        suggestions = [
            Suggestion(name, float(shares[self._number[name]]), speaking)
            for name, speaking in evidence.items()
        ]
        return sorted(suggestions, key=lambda suggestion: -suggestion.confidence)

    def _votes(self, hits: Sequence[Hit]) -> _Votes:
        return _Votes(
            np.array([hit.score for hit in hits], np.float64),
            np.array([self._number[hit.subclass or ""] for hit in hits], np.int64),
        )

    def _shares(self, votes: _Votes, temperature: float, prior: float) -> Floats:
        """The confidence [C] in every subclass; sums to 1."""
        if not len(votes.scores):
            return self._prior
        weights = np.exp((votes.scores - votes.scores[0]) / temperature)
        shares: Floats = np.bincount(votes.labels, weights, len(self.subclasses)) / weights.sum()
        return (1 - prior) * shares + prior * self._prior

    def _calibrate(
        self, labelled: list[tuple[int, str, str]], views: int, seed: int
    ) -> Calibration:
        random = np.random.default_rng(seed)
        rounds = min(-(-SAMPLE // len(labelled)), MOST_ROUNDS)
        chosen = np.concatenate([random.permutation(len(labelled)) for _ in range(rounds)])
        cases: list[tuple[_Votes, int]] = []
        for place in chosen[:SAMPLE].tolist():
            which, number, subclass = labelled[place]
            vectors = _some_views(self.stores[which], number, views, random)
            answer = ranking.search(self.stores, vectors, top=NEIGHBOURS + 1)
            others = [hit for hit in answer.hits if hit.patent_id != number]
            hits = [hit for hit in others if hit.subclass in self._number][:NEIGHBOURS]
            cases.append((self._votes(hits), self._number[subclass]))
        truths = [truth for _, truth in cases]
        chance = self._prior[truths]
        best = (np.inf, 0.0, 0.0)
        for temperature in _TEMPERATURES.tolist():
            pure = np.array(
                [self._shares(votes, temperature, 0.0)[truth] for votes, truth in cases]
            )
            chance = np.array([self._prior[truth] for _, truth in cases])
            for prior in _PRIORS.tolist():
                loss = -float(np.log((1 - prior) * pure + prior * chance).mean())
                best = min(best, (loss, temperature, prior))
        _, temperature, prior = best
        fitted = np.array([self._shares(votes, temperature, prior) for votes, _ in cases])
        right = fitted.argmax(axis=1) == truths
        slope, offset = _fit_sigmoid(_log_odds(fitted.max(axis=1)), right)
        sure = [_sharpened(share, slope, offset).max() for share in fitted]
        ece = expected_calibration_error(sure, right)
        return Calibration(
            temperature,
            prior,
            slope,
            offset,
            patents=min(len(labelled), SAMPLE),
            accuracy=float(right.mean()),
            ece=ece,
        )


def _log_odds(share: npt.ArrayLike) -> Floats:
    kept: Floats = np.clip(np.asarray(share, np.float64), 1e-4, 1 - 1e-4)
    return np.log(kept / (1 - kept))


def _sharpened(shares: Floats, slope: float, offset: float) -> Floats:
    """Shares [C] with the largest put through the sigmoid and the others scaled to sum to 1."""
    first = int(shares.argmax())
    sure = 1 / (1 + np.exp(-(slope * _log_odds(shares[first]) + offset)))
    out: Floats = shares * ((1 - sure) / max(1 - shares[first], 1e-12))
    out[first] = sure
    return out


def _fit_sigmoid(odds: Floats, right: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """Slope and offset of P(right) = sigmoid(slope · odds + offset), by Newton's method.

    The targets are Platt's, drawn in from 0 and 1 by one case, so that a sample without a single
    mistake does not promise certainty; a weak pull towards slope 1, offset 0 keeps it defined.
    """
    wins = int(right.sum())
    target = np.where(right, (wins + 1) / (wins + 2), 1 / (len(right) - wins + 2))
    design = np.column_stack([odds, np.ones_like(odds)])
    start = np.array([1.0, 0.0])
    fitted = start.copy()
    for _ in range(50):
        sure = 1 / (1 + np.exp(-design @ fitted))
        gradient = design.T @ (sure - target) + (fitted - start)
        curvature = (design * (sure * (1 - sure))[:, None]).T @ design + np.eye(2)
        step = np.linalg.solve(curvature, gradient)
        fitted -= step
        if np.abs(step).max() < 1e-8:
            break
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


def _labels(
    stores: Sequence[Searchable],
) -> tuple[list[tuple[int, str, str]], dict[str, int]]:
    """(store, patent id, subclass) of every labelled patent, and how many have which."""
    found: dict[str, tuple[int, str, str]] = {}
    for which, store in enumerate(stores):
        with store.moment() as moment:
            for number, subclass in moment.patents():
                if subclass is not None:
                    found.setdefault(number, (which, number, subclass))
    frequency: dict[str, int] = {}
    for _, _, subclass in found.values():
        frequency[subclass] = frequency.get(subclass, 0) + 1
    return list(found.values()), frequency


def _some_views(
    store: Searchable, number: str, views: int, random: np.random.Generator
) -> npt.NDArray[np.float32]:
    """The stored embeddings [≤ views, D] of some drawings of a patent."""
    with store.moment() as moment:
        rows = moment.scope(Filters(patents=(number,))).rows()
        return moment.embeddings(random.permutation(rows)[:views])
