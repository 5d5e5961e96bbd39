"""12: what rolls. Cars, cycles and tyres share their wheels."""

import numpy as np

from edgepatent_runtime.synthetic.draw import Draw
from edgepatent_runtime.synthetic.families.family import Family
from edgepatent_runtime.synthetic.mesh import Mesh, join
from edgepatent_runtime.synthetic.outlines import (
    circle,
    ellipse,
    polyline,
    resampled,
    rounded,
    stroke,
)
from edgepatent_runtime.synthetic.solids import (
    box,
    lathe,
    prism,
    ring,
    rod,
    skin,
    smooth_path,
    tube,
)


def spokes(d: Draw, inner: float, outer: float, thick: float) -> list[Mesh]:
    """The spokes of a rim about Z, of one of several kinds."""
    n = d.choice((3, 5, 5, 6, 7, 8, 10, 12))
    plan = d.choice(("bar", "taper", "split", "curved", "mesh"))
    w = (outer - inner) * d.real(0.12, 0.3)
    if plan == "bar":
        one = prism(rounded(outer - inner, w), thick).moved((inner + outer) / 2)
    elif plan == "taper":
        one = prism(
            polyline((inner, -w * 0.9), (outer, -w * 0.35), (outer, w * 0.35), (inner, w * 0.9)),
            thick,
        )
    elif plan == "split":
        arm = prism(
            polyline((inner, -w * 0.25), (outer, w * 0.5), (outer, w * 0.9), (inner, w * 0.25)),
            thick,
        )
        one = join(arm, arm.scaled(y=-1))
    elif plan == "curved":
        bend = (outer - inner) * d.real(0.2, 0.5)
        line = resampled([(inner, 0), ((inner + outer) / 2, bend * 0.35), (outer, bend)], 12)
        one = prism(stroke(line, w), thick)
    else:
        bar = prism(
            stroke(resampled([(inner, 0), (outer, (outer - inner) * 0.55)], 6), w * 0.5), thick
        )
        one = join(bar, bar.scaled(y=-1))
    return [one.turned("z", 360 * i / n) for i in range(n)]


def wheel(d: Draw) -> Mesh:
    """The rim of a car: barrel, lip, spokes, hub and bolts, with or without a tyre."""
    r, deep = 1.0, d.real(0.4, 0.7)
    lip = d.real(0.86, 0.94)
    barrel = lathe(
        polyline(
            (lip - 0.03, 0),
            (r, 0),
            (r, 0.05),
            (lip + 0.02, 0.12),
            (lip, deep - 0.1),
            (r, deep - 0.05),
            (r, deep),
            (lip, deep),
            (lip - 0.04, deep * 0.7),
            (lip - 0.04, 0.05),
            (lip - 0.03, 0),
        ),
        56,
    )
    hub = d.real(0.15, 0.26)
    thick = d.real(0.08, 0.16)
    face = deep - thick - d.real(0.02, 0.12)
    parts = [barrel, *[s.moved(z=face) for s in spokes(d, hub * 0.8, lip, thick)]]
    parts.append(prism(circle(hub, 36), thick * 1.2, 0.03).moved(z=face))
    parts.append(prism(circle(hub * 0.4, 28), thick * 0.4, 0.02).moved(z=face + thick * 1.15))
    bolts = d.choice((4, 5, 5, 6))
    parts += [
        prism(circle(0.028, 12), 0.05)
        .moved(hub * 0.68, 0, face + thick * 1.15)
        .turned("z", 360 * i / bolts)
        for i in range(bolts)
    ]
    if d.chance(0.3):
        t = d.real(1.18, 1.35)
        tyre = lathe(
            polyline(
                (lip, 0.02),
                (1.1, -0.08),
                (t, 0.02),
                (t, deep - 0.02),
                (1.1, deep + 0.08),
                (lip, deep - 0.02),
            ),
            64,
        )
        parts.append(tyre.as_environment() if d.chance(0.7) else tyre)
    return join(parts).turned("x", 90)


def tyre(d: Draw) -> Mesh:
    """A tyre with a tread of blocks."""
    r, half, wall = 1.0, d.real(0.22, 0.36), d.real(0.25, 0.42)
    inner = r - wall
    carcass = lathe(
        np.concatenate(
            [
                resampled(
                    [(inner, -half * 0.7), (r - wall * 0.4, -half * 1.05), (r, -half * 0.8)], 12
                ),
                resampled(
                    [(r, half * 0.8), (r - wall * 0.4, half * 1.05), (inner, half * 0.7)], 12
                ),
                [[inner + 0.03, half * 0.5], [inner + 0.03, -half * 0.5], [inner, -half * 0.7]],
            ]
        ),
        64,
    )
    rows, n = d.whole(2, 5), d.choice((24, 30, 36))
    wide = 1.6 * half / rows
    lean = d.real(-0.5, 0.5)
    parts = [carcass]
    for k in range(rows):
        z = (k + 0.5) * wide - 0.8 * half
        side = lean * (1 if k < rows / 2 else -1)
        block = prism(
            polyline(
                (-0.5 * wide * 0.85, -0.06),
                (0.5 * wide * 0.85, -0.06 + side * 0.1),
                (0.5 * wide * 0.85, 0.06 + side * 0.1),
                (-0.5 * wide * 0.85, 0.06),
            ),
            0.05,
        )
        upright = block.turned("y", 90).moved(r - 0.015, 0, z)
        parts += [upright.turned("z", 360 * (i + 0.5 * (k % 2)) / n) for i in range(n)]
    return join(parts).turned("x", 90)


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


def steering_wheel(d: Draw) -> Mesh:
    """A steering wheel: rim, spokes and a hub with keys."""
    r, t = 0.5, d.real(0.03, 0.045)
    flat = d.chance(0.35)
    line = circle(r, 56)
    if flat:
        line[:, 1] = np.maximum(line[:, 1], -r * d.real(0.75, 0.88))
    parts = [
        tube(
            np.column_stack([line, np.zeros(56)]), ellipse(t, t * d.real(0.8, 1.1), 14), closed=True
        )
    ]
    n = d.choice((2, 3, 3, 4))
    hub = d.real(0.14, 0.2)
    angles = {2: (0, 180), 3: (0, 180, 270), 4: (-20, 200, 245, 295)}[n]
    width = d.real(0.06, 0.14)
    spoke = prism(
        polyline((hub * 0.6, -width), (r, -width * 0.4), (r, width * 0.4), (hub * 0.6, width)), 0.03
    ).moved(z=-0.03)
    parts += [spoke.turned("z", a) for a in angles]
    parts.append(
        prism(
            rounded(2 * hub * d.real(1.0, 1.3), 2 * hub, hub * d.real(0.3, 0.95)), 0.08, 0.025
        ).moved(z=-0.04)
    )
    key = prism(circle(0.018, 14), 0.02)
    for s in (-1, 1):
        parts += [key.moved(s * (hub + 0.1 + 0.03 * i), 0.0, -0.005) for i in range(d.whole(0, 3))]
    return join(parts).turned("x", 80)


FAMILIES = (
    Family("Vehicle wheel", "12-16", wheel),
    Family("Steering wheel", "12-16", steering_wheel),
    Family("Tyre", "12-15", tyre),
    Family("Motor car", "12-08", car),
    Family("Bicycle", "12-11", bicycle),
)
