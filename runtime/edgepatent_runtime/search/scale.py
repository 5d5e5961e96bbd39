"""From a score to the probability that a hit is the same design.

A score alone does not say: one of .5 is a good hit for a lamp and a chance one among tyres. What
counts beside it is how far it stands out from the query's other neighbours, those that follow the
first few: what unrelated designs of this index reach for this query (so do Scheirer et al.,
"Meta-recognition: the theory and practice of recognition score analysis", 2011).
"""

import msgspec
import numpy as np
import numpy.typing as npt

from edgepatent_runtime.ordered import percentile

FIELD = 40
"""So many of a query's best patents are looked at; the first five may be right, the others are the
neighbours from which a hit stands out."""

CLOSEST = 0.95
"""From this score on a hit may be taken for the very drawing that was asked with: no other design
comes as close to it with the starter (``benchmarks/same_drawing.md``)."""

CERTAIN = 0.99
"""A hit closer than other designs come is the same design at least with this probability."""

_NEAR = 5
# Fewer neighbours than this say little about the spread.
_FEWEST = 12
# A spread that is smaller says that the neighbours are copies of each other.
_LEAST = 0.01

Floats = npt.NDArray[np.float64]


class Scale(msgspec.Struct, frozen=True):
    """What was fitted to an index, for queries of so many views.

    Log-odds are ``score`` · score + ``standout`` · (score − level) / spread + ``offset``.
    ``level`` and ``spread`` are what neighbours usually have, for questions that find too few;
    ``cases`` were fitted to. ``beyond`` is the score that other designs do not reach (more than 1
    where that is not known): what was fitted to other drawings of a design knows nothing of the
    very drawing, found again.
    """

    score: float
    standout: float
    offset: float
    level: float
    spread: float
    cases: int
    beyond: float = 2.0

    def reaching(self, probability: float) -> float:
        """The score of that probability among usual neighbours; more than 1 where none reaches."""
        odds = float(np.log(probability / (1 - probability)))
        slope = self.score + self.standout / self.spread
        if slope <= 0:
            return 2.0
        return (odds - self.offset + self.standout * self.level / self.spread) / slope

    def probability(self, scores: npt.ArrayLike, field: npt.ArrayLike) -> Floats:
        """How likely hits with ``scores`` [N] are the same design.

        ``field`` are the scores of the query's best patents, best first, the hits among them.
        """
        level, spread = neighbours(np.asarray(field, np.float64)) or (self.level, self.spread)
        each = np.asarray(scores, np.float64)
        odds = self.score * each + self.standout * (each - level) / spread + self.offset
        fitted = 1 / (1 + np.exp(-np.clip(odds, -30, 30)))
        out: Floats = np.where(each >= self.beyond, np.maximum(fitted, CERTAIN), fitted)
        return out


def neighbours(field: Floats) -> tuple[float, float] | None:
    """Level and spread of a query's neighbours; None where they are too few to tell."""
    near = field[_NEAR:FIELD]
    near = near[np.isfinite(near)]
    if len(near) < _FEWEST:
        return None
    return percentile(near, 50), float(near.std()) + _LEAST
