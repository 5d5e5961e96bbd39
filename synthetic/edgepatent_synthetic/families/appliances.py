"""23-04 and 15: machines for air and for cleaning."""

import numpy as np

from edgepatent_synthetic.draw import Draw
from edgepatent_synthetic.families.family import Family
from edgepatent_synthetic.mesh import Mesh, join
from edgepatent_synthetic.outlines import (
    circle,
    polyline,
    profile,
    resampled,
    rounded,
    stroke,
)
from edgepatent_synthetic.solids import (
    box,
    lathe,
    loft,
    prism,
    ring,
    rod,
    smooth_path,
    tube,
)


def fan(d: Draw) -> Mesh:
    """A fan: blades in a guard on a stand."""
    r = 0.4
    n = d.whole(3, 6)
    twist = d.real(15, 35)
    line = resampled([(0.04, 0), (r * 0.5, 0.05), (r * 0.9, d.real(0.0, 0.12))], 10)
    blade = prism(stroke(line, np.linspace(0.1, d.real(0.18, 0.3), 10)), 0.012).turned("x", twist)
    parts = [blade.turned("z", 360 * i / n) for i in range(n)]
    parts.append(prism(circle(0.07, 28), 0.1, 0.02).moved(z=-0.03))
    guard = [
        ring(r * 1.06 * k, 0.008, 44).moved(z=0.1 + 0.05 * (1 - k))
        for k in np.linspace(0.25, 1, d.whole(3, 7))
    ]
    spokes = d.choice((8, 12, 16))
    wire = tube(
        smooth_path(
            [(0.06, 0, 0.15), (r * 0.7, 0, 0.13), (r * 1.06, 0, 0.06), (r * 1.06, 0, -0.06)], 16
        ),
        0.005,
        8,
    )
    guard += [wire.turned("z", 360 * i / spokes) for i in range(spokes)]
    guard.append(ring(r * 1.06, 0.016, 48))
    motor = (
        lathe(profile((0.09, 0), (0.1, 0.1), (0.0, 0.2), steps=14), 28).scaled(z=-1).moved(z=-0.03)
    )
    head = join(parts, guard, motor).turned("x", 90 - d.real(-8, 12))
    height = d.choice((0.55, 0.55, 1.2))
    foot = prism(circle(0.26), 0.04, 0.012) if d.chance(0.6) else box(0.5, 0.35, 0.05, 0.08, 0.015)
    return join(
        head.moved(z=height),
        rod((0, 0.1, 0.02), (0, 0.1, height - 0.05), 0.028),
        foot.moved(0, 0.08),
    )


def washer(d: Draw) -> Mesh:
    """A washing machine or dishwasher: a cabinet with a door and a panel."""
    x, y, z = 0.6, d.real(0.5, 0.62), d.real(0.8, 0.9)
    parts = [box(x, y, z, d.choice((0.0, 0.02)), 0.008)]
    r, at = d.real(0.16, 0.22), d.real(0.38, 0.46)
    porthole = lathe(
        polyline(
            (r, 0), (r, 0.02), (r * 0.85, 0.05), (r * 0.75, 0.045), (r * 0.7, 0.02), (0, 0.03)
        ),
        48,
    )
    parts.append(porthole.turned("x", 90).moved(0, -y / 2, at))
    parts.append(prism(rounded(x * 0.98, 0.12), 0.012).turned("x", 90).moved(0, -y / 2, z - 0.07))
    parts.append(
        prism(rounded(0.16, 0.08, 0.01), 0.02).turned("x", 90).moved(-x * 0.33, -y / 2, z - 0.07)
    )
    dial = prism(circle(0.032, 28), 0.04).turned("x", 90)
    parts.append(dial.moved(d.real(-0.05, 0.2), -y / 2, z - 0.07))
    key = prism(circle(0.01, 12), 0.02).turned("x", 90)
    parts += [key.moved(0.02 + 0.035 * i, -y / 2, z - 0.11) for i in range(d.whole(2, 6))]
    parts.append(box(0.1, 0.012, 0.09, 0.0).moved(-x * 0.36, -y / 2, 0.05))
    return join(
        parts,
        [
            rod((sx * x * 0.4, sy * y * 0.4, -0.03), (sx * x * 0.4, sy * y * 0.4, 0), 0.025)
            for sx in (-1, 1)
            for sy in (-1, 1)
        ],
    )


def vacuum(d: Draw) -> Mesh:
    """A vacuum cleaner: upright with floor head, or a robot."""
    if d.chance(0.3):
        r = 0.5
        parts = [
            prism(circle(r, 56), d.real(0.12, 0.18), 0.03),
            prism(circle(r * d.real(0.2, 0.45)), 0.05, 0.015).moved(0, d.real(-0.1, 0.1), 0.14),
        ]
        parts.append(
            lathe(
                polyline((r * 0.98, 0), (r * 1.02, 0), (r * 1.02, 0.04), (r * 0.98, 0.04)), 56
            ).moved(z=0.05)
        )
        parts += [
            prism(circle(0.035, 20), 0.012).moved(-0.1 + 0.1 * i, -r * 0.7, 0.165)
            for i in range(d.whole(1, 3))
        ]
        return join(parts)
    lean = d.real(0.0, 0.5)
    top = (0.0, lean * 1.2, 1.2)
    tank = d.real(0.1, 0.15)
    head = loft([(0, rounded(d.real(0.28, 0.4), 0.2, 0.04)), (0.09, rounded(0.24, 0.16, 0.04))])
    body = loft(
        [(0, circle(tank, 36)), (0.25, circle(tank * 1.05, 36)), (0.45, circle(tank * 0.8, 36))]
    ).turned("x", -np.degrees(np.arctan2(lean, 1.0)))
    parts = [
        head,
        rod((0, 0.02, 0.06), top, 0.025),
        body.moved(0, lean * d.real(0.3, 0.8) - 0.04, d.real(0.3, 0.8)),
    ]
    parts.append(
        tube(
            smooth_path(
                [
                    top,
                    (0, top[1] + 0.08, 1.3),
                    (0, top[1] + 0.2, 1.22),
                    (0, top[1] + 0.14, 1.05),
                    (0, lean * 1.05, 1.06),
                ],
                28,
            ),
            0.024,
        )
    )
    parts += [
        rod((s * 0.13 - 0.015, 0.1, 0.04), (s * 0.13 + 0.015, 0.1, 0.04), 0.04) for s in (-1, 1)
    ]
    return join(parts)


FAMILIES = (
    Family("Fan", "23-04", fan),
    Family("Washing machine", "15-05", washer),
    Family("Vacuum cleaner", "15-05", vacuum),
)
