"""Random choices that are the same everywhere: in any process, on any machine."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")


class Draw:
    """Draws the discrete and continuous parameters of one design.

    ``key`` seeds it. Siblings share the key and every discrete choice; their continuous
    parameters lie up to ``spread`` of the range away from the first one's, and each sibling's
    differ from the others'.
    """

    def __init__(self, *key: int, sibling: int = 0, spread: float = 0.22) -> None:
        self._random = np.random.default_rng(key)
        self._nudge = np.random.default_rng((*key, sibling)) if sibling else None
        self._spread = spread

    def real(self, low: float, high: float) -> float:
        """A number between low and high, uniformly."""
        t = self._random.random()
        if self._nudge is not None:
            t = min(max(t + self._spread * (2 * self._nudge.random() - 1), 0.0), 1.0)
        return low + (high - low) * t

    def whole(self, low: int, high: int) -> int:
        """A whole number from low to high, both included."""
        return low + int(self._random.random() * (high - low + 1))

    def chance(self, probability: float) -> bool:
        """Yes with this probability."""
        return self._random.random() < probability

    def choice(self, options: Sequence[T]) -> T:
        """One of the options, all alike."""
        return options[self.whole(0, len(options) - 1)]
