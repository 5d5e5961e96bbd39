"""What an index has measured about itself, kept beside it: so that a question pays nothing for it.

Derived from the drawings that are indexed: it may be lost, and the writer measures it again (see
`measuring`). Nothing in it belongs to a row: it serves until the index has changed by a quarter.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, TypeVar

import msgspec

from edgepatent_runtime.search.results import Answer
from edgepatent_runtime.search.scale import Scale
from edgepatent_runtime.search.searchable import Searchable

FORMAT = 1

DESIGNS, SEVERAL = 50, 25
"""An index can tell when it holds so many designs, so many of them in several drawings."""

COPY = 0.99
"""Two drawings as alike as hits that are the same design with this probability are copies."""

T = TypeVar("T")
Views = Annotated[int, msgspec.Meta(ge=1, le=64)]
Count = Annotated[int, msgspec.Meta(ge=0)]


class Confidence(msgspec.Struct, frozen=True):
    """How sure suggested subclasses are: T (a cosine), ε, the sigmoid's slope and offset.

    See `kinds`. Fitted to so many patents, which were right first at this rate; ``ece`` is the
    expected calibration error on those patents, between 0 and 1.
    """

    temperature: float
    prior: float
    slope: float
    offset: float
    patents: int
    accuracy: float
    ece: float


class Calibration(msgspec.Struct, frozen=True):
    """What was fitted, by the number of views, to an index of one ``space``.

    ``patents`` are how many there were. ``verdicts`` is empty where they were too few.
    """

    format: int
    space: str
    patents: Count
    verdicts: dict[Views, Scale]
    kinds: dict[Views, Confidence]

    def scale(self, views: int) -> Scale | None:
        """How to tell how good a hit of a query with ``views`` is; None where there is no way."""
        return _for(self.verdicts, views)

    def confidence(self, views: int) -> Confidence | None:
        """How sure suggested subclasses are; None where too few patents have one."""
        return _for(self.kinds, views)


Known = Mapping[str, Calibration | None]


def _for(fitted: Mapping[int, T], views: int) -> T | None:
    """What was fitted for ``views``, or for the next smaller number of them."""
    known = [count for count in fitted if count <= views]
    return fitted[max(known)] if known else None


def of(store: Searchable) -> Calibration | None:
    """What was measured for ``store``; None where there is nothing, or nothing of this model."""
    data = store.calibration()
    if data is None:
        return None
    try:
        found = msgspec.json.decode(data, type=Calibration)
    except (msgspec.DecodeError, RecursionError):
        return None
    return found if (found.format, found.space) == (FORMAT, store.space) else None


def known(stores: Sequence[Searchable]) -> Known:
    """What was measured for each of ``stores``, by its name."""
    return {store.name: of(store) for store in stores}


def copies(known: Known) -> dict[str, float | None]:
    """By the name of each index, the cosine from which two of its drawings are copies."""
    scales = {name: found.scale(1) if found else None for name, found in known.items()}
    return {name: scale.reaching(COPY) if scale else None for name, scale in scales.items()}


def judged(answer: Answer, known: Known, views: int) -> Answer:
    """``answer``, to ``views`` of a design, with how likely each hit is the same design.

    Each hit by what its own index has ``known``, among the neighbours of all.
    """
    scales = {name: found.scale(views) if found else None for name, found in known.items()}
    hits = list(answer.hits)
    for place, hit in enumerate(hits):
        scale = scales[hit.index]
        if scale is not None:
            probability = float(scale.probability(hit.score, answer.field))
            hits[place] = msgspec.structs.replace(hit, probability=probability)
    doubts = [_doubt(name, known[name]) for name, scale in scales.items() if scale is None]
    return msgspec.structs.replace(answer, hits=hits, doubt=doubts[0] if doubts else None)


def _doubt(name: str, known: Calibration | None) -> str:
    """Why an index cannot tell how good a hit is."""
    if known is None:
        return (
            f"{name} has not measured yet how good its hits are: the next edgepatent index add "
            "does, also with nothing to add"
        )
    return (
        f"{name} is too small to tell how good a hit is: that takes {DESIGNS} designs, {SEVERAL} "
        "of them in several drawings"
    )
