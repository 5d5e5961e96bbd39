"""The order in which people read the figures of a sheet."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

from edgepatent_runtime.figures.turns import Box, turn


class _Boxed(Protocol):
    @property
    def box(self) -> Box: ...


T = TypeVar("T", bound=_Boxed)


def reading_order(figures: Sequence[T], shape: tuple[int, ...], turned: int) -> list[T]:
    """Row by row from the top, within a row from the left, on the page as it is read.

    ``shape`` is that of the page, ``turned`` the quarter turns clockwise that set it upright.
    """
    waiting = [(turn(figure.box, shape, turned), figure) for figure in figures]
    waiting.sort(key=lambda one: one[0][1])
    out: list[T] = []
    while waiting:
        _, top, _, height = waiting[0][0]
        # In a row is what has its middle beside the highest of those that wait.
        row = [one for one in waiting if one[0][1] + one[0][3] / 2 <= top + height]
        row = row or waiting[:1]
        out += [figure for _, figure in sorted(row, key=lambda one: one[0][0])]
        waiting = [one for one in waiting if one not in row]
    return out
