"""07-03, 07-04 and 07-06: what lies beside the plate. Cutlery shares its handles."""

import numpy as np

from edgepatent_synthetic.draw import Draw
from edgepatent_synthetic.families.family import Family
from edgepatent_synthetic.mesh import Mesh, join
from edgepatent_synthetic.outlines import (
    circle,
    ellipse,
    profile,
    resampled,
    rounded,
    stroke,
)
from edgepatent_synthetic.solids import (
    ball,
    lathe,
    loft,
    prism,
    rod,
    skin,
    smooth_path,
    tube,
)


def handle(d: Draw, length: float) -> Mesh:
    """A flat handle from x = −length to 0, waisted or flared."""
    t = np.linspace(0, 1, 14)
    w = resampled(
        [
            (0, d.real(0.05, 0.11)),
            (0.15, d.real(0.06, 0.12)),
            (0.6, d.real(0.025, 0.06)),
            (1, 0.03),
        ],
        14,
    )[:, 1]
    line = np.column_stack([length * (t - 1), np.zeros(14)])
    thick = d.real(0.015, 0.035)
    return prism(stroke(line, w), thick, 0).moved(z=-thick / 2)


def shell(a: float, b: float, depth: float, tip: float) -> Mesh:
    """The bowl of a spoon: an egg of half axes a, b, hollow above, from x = 0 to 2a."""
    outline = ellipse(a, b, 40)
    outline[:, 1] *= 1 - tip * (outline[:, 0] / a)
    rings = []
    for s, z in [
        (0.05, -depth),
        (0.5, -depth * 0.8),
        (0.85, -depth * 0.35),
        (1, 0.0),
        (0.96, 0.008),
        (0.8, -depth * 0.35),
        (0.45, -depth * 0.75),
        (0.05, -depth * 0.9),
    ]:
        rings.append(np.column_stack([outline[:, 0] * s + a, outline[:, 1] * s, np.full(40, z)]))
    return skin(np.array(rings))


def spoon(d: Draw) -> Mesh:
    """A bowl on a handle."""
    a = d.real(0.16, 0.24)
    bowl = shell(a, a * d.real(0.6, 0.85), d.real(0.04, 0.12), d.real(-0.25, 0.25))
    return join(handle(d, d.real(0.6, 0.9)), bowl.moved(-0.03))


def fork(d: Draw) -> Mesh:
    """Two to four tines on a handle."""
    tines, wide = d.whole(2, 4), d.real(0.14, 0.2)
    root, length = d.real(0.12, 0.2), d.real(0.2, 0.32)
    thick = 0.025
    base = prism(
        stroke(resampled([(0, 0), (root * 0.5, 0), (root, 0)], 9), np.linspace(0.04, wide, 9)),
        thick,
    )
    parts = [handle(d, d.real(0.6, 0.85)), base.moved(z=-thick / 2)]
    pitch = wide / tines
    for i in range(tines):
        y = (i + 0.5) * pitch - wide / 2
        line = smooth_path(
            [(root - 0.01, y, 0), (root + length / 2, y, -0.03), (root + length, y, 0.02)], 12
        )
        parts.append(tube(line, rounded(pitch * 0.6, thick, 0.008)))
    return join(parts)


def table_knife(d: Draw) -> Mesh:
    """A blade with one straight edge on a handle."""
    length, wide = d.real(0.4, 0.6), d.real(0.08, 0.13)
    tip = d.real(0.3, 1.0)
    upper = resampled(
        [(0, 0.02), (length * 0.5, 0.03), (length * 0.9, 0.03 * tip), (length, -wide * 0.3)], 16
    )
    lower = resampled(
        [(length, -wide * 0.3), (length * 0.8, -wide), (length * 0.2, -wide * 0.9), (0, -0.02)], 16
    )
    blade = prism(np.concatenate([upper, lower])[::-1], 0.015).moved(z=-0.0075)
    return join(handle(d, d.real(0.4, 0.6)), blade)


def shaker(d: Draw) -> Mesh:
    """A shaker or mill for salt and pepper, turned, with holes or a knob."""
    height = 1.0
    s = [d.real(0.16, 0.3) for _ in range(5)]
    body = lathe(
        profile(
            (0.26, 0),
            *((k, height * (0.1 + 0.2 * i)) for i, k in enumerate(s)),
            (s[-1] * 0.9, height),
            steps=40,
        )
    )
    parts = [body]
    top = s[-1] * d.real(0.95, 1.1)
    dome = lathe(profile((top, 0), (top * 0.95, 0.06), (top * 0.6, 0.15), (0, 0.18), steps=16))
    parts.append(dome.moved(z=height + 0.01))
    if d.chance(0.5):
        parts.append(ball(d.real(0.06, 0.1), 20).moved(z=height + 0.22))
    else:
        hole = prism(circle(0.014, 12), 0.03)
        parts += [
            hole.moved(x, y, height + 0.165 - 0.5 * (x * x + y * y))
            for x, y in [(0.0, 0.0), *map(tuple, circle(0.06, d.whole(4, 8)))]
        ]
    return join(parts)


def rolling_tool(d: Draw) -> Mesh:
    """A rolling pin, masher or whisk: hand tools of the kitchen on a turned grip."""
    plan = d.choice(("pin", "whisk", "masher"))
    grip = lathe(
        profile(
            (0.0, 0),
            (0.045, 0.01),
            (d.real(0.045, 0.06), 0.12),
            (d.real(0.03, 0.045), 0.3),
            (0.03, 0.38),
            steps=20,
        ),
        24,
    )
    if plan == "pin":
        r, half = d.real(0.08, 0.13), d.real(0.35, 0.5)
        body = rod((0, 0, -half), (0, 0, half), r)
        return join(
            body, grip.moved(z=-half - 0.38), grip.scaled(z=-1).moved(z=half + 0.38)
        ).turned("y", 90)
    if plan == "whisk":
        wires, wide, length = d.whole(3, 6), d.real(0.12, 0.2), d.real(0.45, 0.6)
        wire = tube(
            smooth_path(
                [
                    (-0.02, 0, 0.36),
                    (-wide, 0, 0.36 + length * 0.65),
                    (0, 0, 0.36 + length),
                    (wide, 0, 0.36 + length * 0.65),
                    (0.02, 0, 0.36),
                ],
                40,
            ),
            0.008,
            8,
        )
        return join(grip, [wire.turned("z", 180 * i / wires) for i in range(wires)])
    plate = prism(circle(0.17) if d.chance(0.5) else rounded(0.3, 0.16, 0.05), 0.02)
    arms = [
        tube(smooth_path([(0, 0, 0.36), (s * 0.12, 0, 0.5), (s * 0.1, 0, 0.75)], 16), 0.014, 10)
        for s in (-1, 1)
    ]
    return join(grip, arms, plate.moved(z=0.74))


def grater(d: Draw) -> Mesh:
    """A box grater or a peeler: metal with teeth, on a grip."""
    if d.chance(0.5):
        x, y, z = d.real(0.35, 0.5), d.real(0.25, 0.4), d.real(0.7, 0.9)
        parts = [loft([(0, rounded(x, y, 0.03)), (z, rounded(x * 0.75, y * 0.7, 0.03))])]
        nx, nz = d.whole(3, 6), d.whole(5, 9)
        tooth = ball(0.018, 10)
        parts += [
            tooth.moved(
                (i / (nx - 1) - 0.5) * x * 0.6,
                -y / 2 * (1 - 0.3 * k / nz),
                z * (0.12 + 0.75 * k / nz),
            )
            for i in range(nx)
            for k in range(nz)
        ]
        bowed = tube(
            smooth_path(
                [
                    (-x * 0.3, 0, z - 0.02),
                    (-x * 0.28, 0, z + 0.15),
                    (x * 0.28, 0, z + 0.15),
                    (x * 0.3, 0, z - 0.02),
                ],
                28,
            ),
            0.03,
        )
        return join(parts, bowed)
    grip = loft(
        [
            (t * 0.5, ellipse(0.05 * k, 0.04 * k, 24))
            for t, k in ((0, 0.7), (0.2, 1.0), (0.6, 0.75), (1, 0.9))
        ]
    )
    w = d.real(0.1, 0.2)
    yoke = tube(smooth_path([(0, 0, 0.48), (-w, 0, 0.58), (-w, 0, 0.78)], 16), 0.018)
    blade = prism(rounded(2 * w, 0.06, 0.01), 0.015).turned("x", 90).moved(0, 0, 0.76)
    return join(grip, yoke, yoke.scaled(x=-1), blade)


FAMILIES = (
    Family("Spoon", "07-03", spoon),
    Family("Fork", "07-03", fork),
    Family("Table knife", "07-03", table_knife),
    Family("Shaker", "07-06", shaker),
    Family("Kitchen tool", "07-04", rolling_tool),
    Family("Grater", "07-04", grater),
)
