"""Designs by number: what each is, how its patent is drawn, and which views it shows."""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import lru_cache

import numpy as np

from edgepatent_synthetic import meshes
from edgepatent_synthetic.camera import ORTHOGRAPHIC, View
from edgepatent_synthetic.draw import Draw
from edgepatent_synthetic.families import FAMILIES
from edgepatent_synthetic.families.family import Family
from edgepatent_synthetic.mesh import Mesh
from edgepatent_synthetic.pen import Style, draw_style

# Every so many designs of a family one is a sibling of the one before, as applicants file them.
_SIBLING_EVERY = 4
# The order in which few views are filled up: those that tell most come first.
_ORDER = (0, 3, 4, 1, 2, 5)
# Separate random streams of one design.
_SHAPE, _STYLE, _VIEWS, _DATE, _SHEETS = range(5)


@dataclass(frozen=True)
class Design:
    """One synthetic design patent."""

    mesh: Mesh
    style: Style


@dataclass(frozen=True)
class Catalogue:
    """All designs of one seed: of the procedural families, or of the meshes in ``folder``.

    A design's family depends on its number alone; the seed changes what is drawn within it.
    Raises `SourceError` where the folder has no meshes.
    """

    seed: int
    folder: str | None = None

    def family(self, number: int) -> Family:
        """The family of design ``number`` (from 0)."""
        kinds = self._kinds()
        return kinds[number % len(kinds)]

    def design(self, number: int) -> Design:
        """Build design ``number``."""
        return _build(self, number)

    def date(self, number: int) -> str:
        """The day (ISO) on which design ``number`` was granted, so to say."""
        key, sibling = self._stream(number)
        # Grants are published on Tuesdays.
        weeks = Draw(*key, _DATE).whole(0, 1250) + sibling
        return (date(2001, 1, 2) + timedelta(weeks=weeks)).isoformat()

    def figures_a_sheet(self, number: int, most: int) -> int:
        """How many figures each sheet of a design holds: 1 to ``most``, more often few."""
        draw = Draw(*self._stream(number)[0], _SHEETS)
        # Of 252 real sheets with captions, 221 hold one figure, 27 two, four more.
        return min(draw.choice((1,) * 9 + (2, 2, 3)), most)

    def views(self, number: int, count: int) -> list[View]:
        """The first ``count`` views of a design: a perspective view, the orthographic ones by how
        much they tell, further perspective views."""
        draw = Draw(*self._stream(number)[0], _VIEWS)
        distance = draw.real(3, 8) if draw.chance(0.6) else None
        roll = draw.choice((0.0,) * 8 + (90.0, -90.0))
        turn = draw.choice((-1, 1)) * draw.real(22, 55)
        first = View("perspective view", turn, draw.real(15, 38), distance, roll)
        flat = [replace(ORTHOGRAPHIC[i], roll=roll) for i in _ORDER]
        more = [
            View(
                f"perspective view {i + 2}",
                draw.real(-180, 180),
                draw.choice((-1, 1, 1)) * draw.real(12, 55),
                distance,
                roll,
            )
            for i in range(max(0, count - 7))
        ]
        return [first, *flat, *more][:count]

    def _kinds(self) -> tuple[Family, ...]:
        return FAMILIES if self.folder is None else meshes.families(self.folder)

    def _stream(self, number: int) -> tuple[tuple[int, int, int], int]:
        """The key (seed, family, base) of a design's random numbers, and its sibling number."""
        kinds = len(self._kinds())
        kind, turn = number % kinds, number // kinds
        sibling = int(turn % _SIBLING_EVERY == _SIBLING_EVERY - 1)
        return (self.seed, kind, turn - sibling), sibling


@lru_cache(maxsize=4)
def _build(catalogue: Catalogue, number: int) -> Design:
    """Views of a design are mostly asked for one after the other: its mesh is built once."""
    key, sibling = catalogue._stream(number)
    draw = Draw(*key, _SHAPE, sibling=sibling)
    mesh = with_unclaimed(catalogue.family(number).build(draw), draw)
    return Design(mesh, draw_style(Draw(*key, _STYLE)))


def with_unclaimed(mesh: Mesh, draw: Draw) -> Mesh:
    """Now and then a design claims all but one of its parts, which is drawn in broken lines."""
    parts = int(mesh.part.max()) + 1
    wanted = draw.chance(0.22)
    pick = draw.whole(0, 1 << 16)
    sizes = np.bincount(mesh.part, minlength=parts)
    if not wanted or parts < 3:
        return mesh
    order = np.argsort(-sizes, kind="stable")[1:]
    return replace(mesh, broken=mesh.broken | (mesh.part == order[pick % len(order)]))
