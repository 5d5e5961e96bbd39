"""06: what else furnishes a room: beds, mirrors, hangers."""

import numpy as np

from edgepatent_synthetic.draw import Draw
from edgepatent_synthetic.families.family import Family
from edgepatent_synthetic.families.legs import legs
from edgepatent_synthetic.families.seats import cushion
from edgepatent_synthetic.mesh import Mesh, join
from edgepatent_synthetic.outlines import (
    circle,
    ellipse,
    rounded,
)
from edgepatent_synthetic.solids import (
    ball,
    box,
    prism,
    rod,
    smooth_path,
    tube,
)


def bed(d: Draw) -> Mesh:
    """A bed: frame, mattress, headboard, pillows."""
    x, y, low = d.real(0.9, 1.8), 2.0, d.real(0.2, 0.35)
    parts = [
        box(x, y, 0.12, 0.02).moved(z=low),
        cushion(x * 0.96, y * 0.96, 0.22, d.real(0.2, 0.6)).moved(z=low + 0.1),
    ]
    high = d.real(0.5, 0.9)
    plan = d.choice(("panel", "bars", "arch"))
    if plan == "panel":
        parts.append(
            prism(rounded(x * 1.05, high, d.real(0, 0.2)), 0.07, 0.015)
            .turned("x", 90)
            .moved(0, y / 2 + 0.07, low + high / 2)
        )
    elif plan == "bars":
        parts += [
            rod((s * x / 2, y / 2, 0), (s * x / 2, y / 2, low + high), 0.035) for s in (-1, 1)
        ]
        parts += [
            rod((-x / 2, y / 2, low + high * t), (x / 2, y / 2, low + high * t), 0.025)
            for t in (0.4, 0.92)
        ]
        parts += [
            rod((t * x, y / 2, low + high * 0.4), (t * x, y / 2, low + high * 0.92), 0.014)
            for t in np.linspace(-0.42, 0.42, d.whole(4, 9))
        ]
    else:
        arch = [
            (-x / 2, y / 2, low),
            (-x / 2, y / 2, low + high * 0.6),
            (0, y / 2, low + high),
            (x / 2, y / 2, low + high * 0.6),
            (x / 2, y / 2, low),
        ]
        parts.append(tube(smooth_path(arch, 36), rounded(0.06, 0.1, 0.02)))
    pillows = 1 if x < 1.2 else 2
    parts += [
        cushion(x / pillows * 0.8, 0.4, 0.14, 0.9).moved(
            (i - (pillows - 1) / 2) * x / pillows, y * 0.37, low + 0.3
        )
        for i in range(pillows)
    ]
    parts.append(legs(d, x, y, low, 1.6))
    return join(parts)


def mirror(d: Draw) -> Mesh:
    """A framed mirror or picture frame, on the wall or on a foot."""
    x, z, w = d.real(0.5, 0.8), d.real(0.6, 1.2), d.real(0.04, 0.12)
    power = d.choice((2.0, 2.5, 40.0, 40.0))
    line = ellipse(x / 2, z / 2, 64, power)
    section = d.choice((rounded(w, 0.05, 0.0), rounded(w, 0.06, 0.02), circle(w / 2, 14)))
    frame = tube(np.column_stack([line[:, 0], np.zeros(64), line[:, 1]]), section, closed=True)
    parts = [frame, prism(line, 0.01).turned("x", 90)]
    if d.chance(0.4):
        n = d.whole(10, 24)
        beads = ball(w * 0.35, 12)
        parts += [beads.moved(px, -0.03, pz) for px, pz in ellipse(x / 2, z / 2, n, power)]
    if d.chance(0.4):
        foot = z / 2 + w
        parts += [
            rod((0, 0.02, -foot), (0, 0.02, -z / 2), 0.03),
            prism(ellipse(0.25, 0.16), 0.03, 0.01).moved(0, 0.02, -foot),
        ]
    return join(parts)


def hanger(d: Draw) -> Mesh:
    """A clothes hanger: hook, shoulders, bar."""
    half, drop, t = d.real(0.42, 0.5), d.real(0.12, 0.25), d.real(0.012, 0.03)
    flat = rounded(t, t * d.real(1, 3), t * 0.3)
    arms = [
        (-half, 0, -drop),
        (-half * 0.5, 0, -drop * 0.4),
        (0, 0, 0.02),
        (half * 0.5, 0, -drop * 0.4),
        (half, 0, -drop),
    ]
    parts = [tube(smooth_path(arms, 36), flat)]
    r = d.real(0.05, 0.075)
    hook = [
        (0, 0, 0),
        (0, 0, 0.1),
        (r, 0, 0.1 + r * 0.9),
        (0, 0, 0.1 + 2 * r),
        (-r, 0, 0.1 + r * 1.2),
    ]
    parts.append(tube(smooth_path(hook, 32), 0.012))
    plan = d.choice(("bar", "clips", "none"))
    if plan == "bar":
        parts.append(rod((-half, 0, -drop), (half, 0, -drop), t * 0.6))
    elif plan == "clips":
        parts.append(rod((-half, 0, -drop), (half, 0, -drop), 0.008))
        parts += [
            box(0.07, 0.04, 0.12, 0.01).moved(s * half * 0.75, 0, -drop - 0.09) for s in (-1, 1)
        ]
    return join(parts)


FAMILIES = (
    Family("Bed", "06-02", bed),
    Family("Mirror", "06-07", mirror),
    Family("Clothes hanger", "06-08", hanger),
)
