"""Which hits are near copies of a better one, or of one family with it."""

from collections.abc import Sequence

import numpy as np

from edgepatent_runtime.record import Record
from edgepatent_runtime.search.searchable import Floats, Rows


def heads(
    records: Sequence[Record], embeddings: Floats, starts: Rows, near: float | None
) -> list[int | None]:
    """For each patent, best first, the place of the one that it is folded into; None for a head.

    ``records`` [N] are one of each patent, ``embeddings`` [M, D] of all their drawings, those of a
    patent from ``starts`` [N] on. Copies are two whose closest drawings have a cosine of ``near``
    or more (None: there is no telling); a family shares an application.
    """
    if not len(records):
        return []
    closest = np.zeros((len(records), len(records)), np.float32)
    if near is not None:
        both = np.maximum.reduceat(embeddings @ embeddings.T, starts, axis=0)
        closest = np.maximum.reduceat(both, starts, axis=1)
    numbers = [_numbers(record) for record in records]
    found: list[int | None] = []
    for place in range(len(records)):
        head = next(
            (
                other
                for other in range(place)
                if found[other] is None
                and (
                    (near is not None and closest[place, other] >= near)
                    or numbers[place] & numbers[other]
                )
            ),
            None,
        )
        found.append(head)
    return found


# Applications of one priority or provisional may show quite different designs.
_FAMILY = ("continuation", "division", "continuation-in-part", "reissue", "substitution")


def _numbers(record: Record) -> frozenset[str]:
    """The patent, its application, and those that these go back to or lead to."""
    known = record.bibliography
    numbers = {record.patent_id, known.application}
    for one in known.related:
        if one.kind in _FAMILY:
            numbers |= {one.application, one.patent}
    return frozenset(number for number in numbers if number)
