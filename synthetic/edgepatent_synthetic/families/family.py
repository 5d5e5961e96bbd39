"""What a family is: a kind of thing, its Locarno code, and the plan that builds its designs."""

from collections.abc import Callable
from dataclasses import dataclass

from edgepatent_synthetic.draw import Draw
from edgepatent_synthetic.mesh import Mesh


@dataclass(frozen=True)
class Family:
    """A kind of thing that is filed under one Locarno subclass (None: unknown).

    ``build`` makes one design from draws: Z up, the front towards −Y, in any unit.
    """

    name: str
    locarno: str | None
    build: Callable[[Draw], Mesh]
