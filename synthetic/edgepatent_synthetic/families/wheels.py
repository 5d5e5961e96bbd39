"""12-15 and 12-16: wheels, and the spokes that they share with cars."""

import numpy as np

from edgepatent_synthetic.draw import Draw
from edgepatent_synthetic.families.family import Family
from edgepatent_synthetic.mesh import Mesh, join
from edgepatent_synthetic.outlines import (
    circle,
    ellipse,
    polyline,
    resampled,
    rounded,
    stroke,
)
from edgepatent_synthetic.solids import (
    lathe,
    prism,
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


FAMILIES = (
    Family("Vehicle wheel", "12-16", wheel),
    Family("Steering wheel", "12-16", steering_wheel),
    Family("Tyre", "12-15", tyre),
)
