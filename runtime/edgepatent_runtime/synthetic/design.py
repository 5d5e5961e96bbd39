"""Designs by number: what each is, how its patent is drawn, and which views it shows."""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import lru_cache

import numpy as np

from edgepatent_runtime.synthetic.camera import ORTHOGRAPHIC, View
from edgepatent_runtime.synthetic.draw import Draw
from edgepatent_runtime.synthetic.families import FAMILIES
from edgepatent_runtime.synthetic.mesh import Mesh
from edgepatent_runtime.synthetic.pen import Style, draw_style

# Every so many designs of a family one is a sibling of the one before, as applicants file them.
_SIBLING_EVERY = 4
# The order in which few views are filled up: those that tell most come first.
_ORDER = (0, 3, 4, 1, 2, 5)
# Separate random streams of one design.
_SHAPE, _STYLE, _VIEWS, _TITLE = range(4)


@dataclass(frozen=True)
class Design:
    """One synthetic design patent."""

    mesh: Mesh
    style: Style
    title: str
    locarno: str
    date: str


def _stream(seed: int, number: int) -> tuple[int, int, int, int]:
    """(seed, family, base, sibling): which random numbers design ``number`` is drawn with."""
    family, turn = number % len(FAMILIES), number // len(FAMILIES)
    sibling = int(turn % _SIBLING_EVERY == _SIBLING_EVERY - 1)
    return seed, family, turn - sibling, sibling


@lru_cache(maxsize=4)
def design(seed: int, number: int) -> Design:
    """Design ``number`` (from 0) of ``seed``. Its family depends on the number alone."""
    seed, kind, base, sibling = _stream(seed, number)
    family = FAMILIES[kind]
    draw = Draw(seed, kind, base, _SHAPE, sibling=sibling)
    mesh = with_unclaimed(family.build(draw), draw)
    style = draw_style(Draw(seed, kind, base, _STYLE))
    name, published = describe(seed, number)
    return Design(mesh, style, name, family.locarno, published)


def describe(seed: int, number: int) -> tuple[str, str]:
    """Title and date (ISO) of a design, without building it."""
    seed, kind, base, sibling = _stream(seed, number)
    draw = Draw(seed, kind, base, _TITLE)
    # Grants are published on Tuesdays.
    published = date(2001, 1, 2) + timedelta(weeks=draw.whole(0, 1250) + sibling)
    return FAMILIES[kind].name, published.isoformat()


def locarno_of(number: int) -> str:
    """The Locarno code of design ``number``, whatever the seed."""
    return FAMILIES[number % len(FAMILIES)].locarno


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


def views(seed: int, number: int, count: int) -> list[View]:
    """The first ``count`` views of a design: a perspective view, the orthographic ones by how much
    they tell, further perspective views."""
    _, kind, base, _ = _stream(seed, number)
    draw = Draw(seed, kind, base, _VIEWS)
    distance = draw.real(3, 8) if draw.chance(0.6) else None
    roll = draw.choice((0.0, 0.0, 0.0, 0.0, 90.0, -90.0))
    side = draw.choice((-1, 1))
    first = View("perspective view", side * draw.real(22, 55), draw.real(15, 38), distance, roll)
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
