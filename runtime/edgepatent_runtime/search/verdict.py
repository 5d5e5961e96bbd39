"""How good a hit is, in words."""

from typing import Literal

Verdict = Literal["the same design", "similar", "no close match"]

SAME = 0.9
"""From this probability of being the same design on a hit is called that."""

NONE = 0.08
"""Below this probability a hit is no close match."""


def in_words(probability: float) -> Verdict:
    """The verdict for a probability of being the same design."""
    if probability >= SAME:
        return "the same design"
    return "no close match" if probability < NONE else "similar"
