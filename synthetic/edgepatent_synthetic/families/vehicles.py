"""12: what rolls. The wheels of cars have the spokes of rims."""

import numpy as np

from edgepatent_synthetic.draw import Draw
from edgepatent_synthetic.families.family import Family
from edgepatent_synthetic.families.wheels import spokes
from edgepatent_synthetic.mesh import Mesh, join
from edgepatent_synthetic.outlines import (
    circle,
    polyline,
    resampled,
    rounded,
)
from edgepatent_synthetic.solids import (
    box,
    prism,
    ring,
    rod,
    skin,
    smooth_path,
    tube,
)


def _slab(outline: np.ndarray[tuple[int, int], np.dtype[np.float64]], wide: float) -> Mesh:
    """A side view [N, 2] of (x, z) extruded over the width, its edges rounded."""
    rings = []
    middle = (outline.max(axis=0) + outline.min(axis=0)) / 2
    for y, s in (
        (-0.5, 0.94),
        (-0.47, 0.985),
        (-0.42, 1.0),
        (0.42, 1.0),
        (0.47, 0.985),
        (0.5, 0.94),
    ):
        o = (outline - middle) * s + middle
        rings.append(np.column_stack([o[:, 0], np.full(len(o), y * wide), o[:, 1]]))
    return skin(np.array(rings))


def car(d: Draw) -> Mesh:
    """A car, van or pick-up: a body lofted across, cabin, wheels, lights."""
    length, wide = 4.2, d.real(1.6, 1.9)
    bonnet, belt, roof = d.real(0.75, 0.95), d.real(0.9, 1.05), d.real(1.35, 1.9)
    front = d.real(0.22, 0.36)
    rear = d.choice((0.02, 0.05, 0.22))
    plan = d.choice(("car", "van", "pickup"))
    if plan == "van":
        front, rear, roof = d.real(0.08, 0.2), 0.01, d.real(1.8, 2.2)
    low = 0.25
    side = resampled(
        [
            (0, low + 0.15),
            (0.01, bonnet * 0.75),
            (0.06, bonnet * 0.92),
            (front, belt),
            (0.5, belt * 1.02),
            (1 - rear, belt),
            (0.99, belt * 0.9),
            (1.0, low + 0.2),
        ],
        30,
    )
    body = np.concatenate([side * [length, 1], [[length * 0.97, low], [length * 0.03, low]]])
    parts = [_slab(body, wide)]
    back = 1 - rear - (0.28 if plan == "pickup" else 0.02)
    slant = d.real(0.1, 0.2)
    glass = polyline(
        (front * length, belt - 0.05),
        ((front + slant * 0.9) * length, roof),
        ((back - d.real(0.02, 0.12)) * length, roof * d.real(0.96, 1)),
        (back * length, belt - 0.05),
    )
    parts.append(_slab(resampled(glass, 20), wide * 0.84))
    n = d.whole(2, 3)
    for i in range(n):
        a, b = (
            front + slant * 0.7 + (back - front - slant) * (i + 0.06) / n,
            front + slant * 0.7 + (back - front - slant) * (i + 0.94) / n,
        )
        pane = prism(
            polyline(
                (a * length, belt + 0.04),
                (b * length, belt + 0.04),
                (b * length, roof - 0.12),
                (a * length + 0.12, roof - 0.12),
            ),
            wide * 0.85,
        )
        parts.append(pane.turned("x", 90).moved(0, wide * 0.425))
    r = d.real(0.3, 0.38)
    tread = rod((0, -0.11, 0), (0, 0.11, 0), r)
    rim = join(
        prism(circle(r * 0.62, 28), 0.02),
        [s.moved(z=0.015) for s in spokes(d, r * 0.1, r * 0.6, 0.02)],
    ).turned("x", 90)
    for x in (length * d.real(0.16, 0.2), length * d.real(0.78, 0.83)):
        for s in (-1, 1):
            parts.append(tread.moved(x, s * (wide / 2 - 0.06), r))
            parts.append(rim.scaled(y=-s).moved(x, s * (wide / 2 + 0.05), r))
    for s in (-1, 1):
        parts.append(box(0.1, 0.35, 0.16, 0.03).moved(0.06, s * wide * 0.3, bonnet * 0.72))
        parts.append(box(0.08, 0.3, 0.2, 0.03).moved(length - 0.03, s * wide * 0.33, belt * 0.7))
        parts.append(
            box(0.14, 0.16, 0.12, 0.04).moved((front + 0.09) * length, s * wide * 0.52, belt)
        )
        parts.append(box(0.2, 0.03, 0.04, 0.0).moved(length * 0.55, s * wide * 0.5, belt * 0.86))
    parts.append(box(0.05, wide * 0.45, 0.14, 0.01).moved(0.03, 0, low + 0.2))
    return join(parts)


def bicycle(d: Draw) -> Mesh:
    """Two wheels, a frame, fork, handlebar, saddle and cranks."""
    r, base, t = 0.34, d.real(0.98, 1.1), d.real(0.012, 0.022)
    n = d.choice((12, 16, 20))
    spoke = rod((0.02, 0, 0), (r, 0, 0), 0.003, None)
    one = join(
        ring(r, d.real(0.016, 0.03), 56),
        ring(r * 0.93, 0.008, 48),
        prism(circle(0.03, 16), 0.08).moved(z=-0.04),
        [spoke.turned("z", 360 * i / n) for i in range(n)],
    ).turned("x", 90)
    crank, seat, head = (
        (0.42, 0.0, 0.28),
        (0.3, 0.0, d.real(0.72, 0.85)),
        (base - 0.2, 0.0, d.real(0.78, 0.9)),
    )
    low_head = (head[0] + 0.04, 0.0, head[2] - 0.13)
    drop = d.real(0.0, 0.45)
    top_start = (
        seat[0] + (crank[0] - seat[0]) * drop * 0.8,
        0.0,
        seat[2] + (crank[2] - seat[2]) * drop,
    )
    parts = [one.moved(0, 0, r), one.moved(base, 0, r)]
    parts += [
        rod(crank, seat, t),
        rod(crank, low_head, t * 1.2),
        rod(top_start, head, t),
        rod(head, low_head, t * 1.4),
    ]
    for s in (-1, 1):
        parts += [
            rod((0, s * 0.05, r), crank, t * 0.6),
            rod((0, s * 0.05, r), (seat[0] + 0.03, 0, seat[2] - 0.1), t * 0.6),
        ]
        parts.append(rod((base, s * 0.05, r), (low_head[0], s * 0.04, low_head[2]), t * 0.7))
        parts.append(
            rod(
                (crank[0], s * 0.06, crank[2]),
                (crank[0] + s * 0.12, s * 0.07, crank[2] - s * 0.1),
                t * 0.6,
            )
        )
        parts.append(box(0.09, 0.06, 0.02).moved(crank[0] + s * 0.12, s * 0.11, crank[2] - s * 0.1))
    parts.append(prism(circle(0.09, 32), 0.01).turned("x", 90).moved(crank[0], -0.04, crank[2]))
    parts.append(rod(seat, (seat[0] - 0.03, 0, seat[2] + 0.12), t * 0.8))
    saddle = prism(
        polyline(
            (-0.13, -0.07),
            (0.02, -0.05),
            (0.15, -0.015),
            (0.15, 0.015),
            (0.02, 0.05),
            (-0.13, 0.07),
        ),
        0.04,
    )
    parts.append(saddle.moved(seat[0] - 0.03, 0, seat[2] + 0.12))
    sweep = d.real(-0.16, 0.2)
    up = (head[0] - 0.03, 0.0, head[2] + 0.1)
    parts.append(rod(head, up, t))
    bar = [
        (up[0] - sweep, -0.3, up[2] - abs(sweep) * 0.4),
        (up[0] + 0.05, -0.2, up[2]),
        up,
        (up[0] + 0.05, 0.2, up[2]),
        (up[0] - sweep, 0.3, up[2] - abs(sweep) * 0.4),
    ]
    parts.append(tube(smooth_path(bar, 32), 0.014))
    if d.chance(0.35):
        basket = prism(rounded(0.3, 0.25, 0.03), 0.2)
        parts.append(basket.moved(base - 0.05, 0, r * 2 + 0.03))
    return join(parts)


FAMILIES = (
    Family("Motor car", "12-08", car),
    Family("Bicycle", "12-11", bicycle),
)
