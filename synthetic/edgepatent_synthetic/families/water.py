"""23: water in the house. Taps, showers and valves share pipes and grips."""

import numpy as np

from edgepatent_synthetic.draw import Draw
from edgepatent_synthetic.families.family import Family
from edgepatent_synthetic.mesh import Mesh, join
from edgepatent_synthetic.outlines import (
    circle,
    ellipse,
    polyline,
    profile,
    regular,
    rounded,
)
from edgepatent_synthetic.solids import (
    ball,
    box,
    lathe,
    loft,
    prism,
    ring,
    rod,
    skin,
    smooth_path,
    tube,
)


def tap(d: Draw) -> Mesh:
    """A tap: foot, spout and one or two handles."""
    r, rise, reach = d.real(0.05, 0.08), d.real(0.2, 0.8), d.real(0.35, 0.6)
    parts = [
        prism(circle(r * 1.7) if d.chance(0.6) else rounded(r * 3.2, r * 3.2, r * 0.4), 0.03, 0.008)
    ]
    plan = d.choice(("arc", "square", "slope"))
    if plan == "arc":
        line = [
            (0, 0, 0.0),
            (0, 0, rise),
            (0, -reach * 0.25, rise + reach * 0.4),
            (0, -reach * 0.8, rise + reach * 0.35),
            (0, -reach, rise),
        ]
    elif plan == "square":
        line = [
            (0, 0, 0.0),
            (0, 0, rise * 0.7),
            (0, 0, rise),
            (0, -0.04, rise + 0.05),
            (0, -reach * 0.6, rise + 0.05),
            (0, -reach, rise + 0.04),
            (0, -reach - 0.02, rise - 0.05),
        ]
    else:
        parts.append(rod((0, 0, 0), (0, 0, rise), r))
        line = [(0, 0, rise * 0.6), (0, -reach * 0.5, rise * 0.85), (0, -reach, rise * 0.75)]
    section = r * 0.8 if d.chance(0.6) else rounded(r * 2, r * 1.3, r * 0.3)
    parts.append(tube(smooth_path(line, 44), section))
    grip = d.choice(("cross", "lever", "knob"))
    if grip == "cross":
        handle = join(
            rod((-0.1, 0, 0), (0.1, 0, 0), 0.018),
            rod((0, -0.1, 0), (0, 0.1, 0), 0.018),
            ball(0.035, 16),
        )
    elif grip == "lever":
        handle = join(
            tube(
                smooth_path([(0, 0, 0), (0, -0.1, 0.03), (0, -0.2, d.real(0.02, 0.1))], 12),
                rounded(0.05, 0.025, 0.01),
            ),
            rod((0, 0, -0.04), (0, 0, 0.02), 0.045),
        )
    else:
        handle = prism(regular(d.choice((6, 8, 12)), 0.07), 0.07, 0.015)
    if d.chance(0.5):
        for s in (-1, 1):
            at = s * d.real(0.2, 0.34)
            parts += [
                rod((at, 0, 0), (at, 0, 0.14), 0.04),
                prism(circle(0.075), 0.025).moved(at),
                handle.moved(at, 0, 0.15),
            ]
        if d.chance(0.5):
            parts.append(box(0.75, 0.14, 0.035, 0.06, 0.01))
    elif plan == "slope" or d.chance(0.4):
        parts.append(
            handle.moved(0, 0, rise + 0.05)
            if plan == "slope"
            else join(
                rod((0, 0, 0.12), (r + 0.08, 0, 0.12), 0.03),
                handle.turned("y", 90).moved(r + 0.1, 0, 0.12),
            )
        )
    else:
        parts.append(
            join(
                rod((0, 0, 0.1), (r + 0.1, 0, 0.1), 0.035),
                handle.turned("y", 90).moved(r + 0.12, 0, 0.1),
            )
        )
    return join(parts)


def shower(d: Draw) -> Mesh:
    """A shower head with nozzles, on a handle or an arm."""
    r, thick = d.real(0.2, 0.34), d.real(0.04, 0.12)
    outline = circle(r, 48) if d.chance(0.65) else rounded(2 * r, 2 * r, r * d.real(0.05, 0.5))
    head = [prism(outline, thick, thick * 0.3)]
    rings = d.whole(2, 4)
    nozzle = prism(circle(0.012, 10), 0.012)
    for k in range(1, rings + 1):
        n = 6 * k
        head += [nozzle.moved(x, y, -0.01) for x, y in circle(r * 0.85 * k / rings, n)]
    top = join(
        head,
        lathe(profile((r * 0.7, 0), (r * 0.3, 0.06), (0.05, 0.1), steps=10), 32).moved(
            z=thick * 0.9
        ),
    )
    if d.chance(0.6):
        line = [(0, 0, 0.08), (0, 0.1, 0.1), (0, 0.4, 0.02), (0, d.real(0.7, 0.9), -0.05)]
        return join(top, tube(smooth_path(line, 24), ellipse(0.045, 0.04, 20))).turned(
            "x", d.real(30, 80)
        )
    arm = tube(smooth_path([(0, 0, 0.1), (0, 0, 0.25), (0, 0.15, 0.4), (0, 0.6, 0.42)], 32), 0.035)
    return join(top, arm, prism(circle(0.1), 0.03).turned("x", 90).moved(0, 0.63, 0.42))


def valve(d: Draw) -> Mesh:
    """A pipe fitting: elbow, tee or valve with flanges."""
    r = d.real(0.12, 0.18)
    plan = d.choice(("tee", "elbow", "valve"))
    flange = prism(circle(r * 1.5) if d.chance(0.6) else regular(6, r * 1.5), 0.09, 0.01)
    if plan == "elbow":
        line = [(-0.6, 0, 0), (-0.25, 0, 0), (-0.05, 0, 0.08), (0, 0, 0.3), (0, 0, 0.6)]
        return join(
            tube(smooth_path(line, 32), r), flange.turned("y", 90).moved(-0.6), flange.moved(z=0.52)
        )
    parts = [
        rod((-0.6, 0, 0), (0.6, 0, 0), r),
        flange.turned("y", 90).moved(-0.6),
        flange.turned("y", 90).moved(0.52),
    ]
    parts.append(rod((0, 0, 0), (0, 0, 0.45), r * 0.9))
    if plan == "tee":
        return join(parts, flange.moved(z=0.4))
    parts += [ball(r * 1.5, 28), rod((0, 0, 0.3), (0, 0, 0.65), 0.035)]
    if d.chance(0.6):
        wheel = ring(0.22, 0.03, 36)
        n = d.whole(3, 6)
        parts += [
            wheel.moved(z=0.65),
            *[rod((0, 0, 0.65), (0.22, 0, 0.65), 0.02).turned("z", 360 * i / n) for i in range(n)],
        ]
    else:
        parts.append(box(0.6, 0.08, 0.03, 0.03).moved(0.22, 0, 0.63))
    return join(parts)


def basin(d: Draw) -> Mesh:
    """A washbasin or a toilet."""
    x, y = d.real(0.5, 0.7), d.real(0.38, 0.5)
    power = d.real(2, 7)
    rim, deep = ellipse(x / 2, y / 2, 48, power), d.real(0.14, 0.22)
    edge = d.real(0.78, 0.92)
    rings = [
        (rim * 0.5, -deep - 0.03),
        (rim * 0.85, -deep * 0.6),
        (rim, -0.03),
        (rim, 0.0),
        (rim * edge, 0.0),
        (rim * edge * 0.85, -deep * 0.6),
        (rim * 0.3, -deep),
        (rim * 0.02, -deep),
    ]
    bowl = skin(np.stack([np.column_stack([o, np.full(48, z)]) for o, z in rings]))
    if d.chance(0.5):
        parts = [bowl.moved(z=0.85)]
        if d.chance(0.5):
            parts.append(
                loft(
                    [
                        (0, ellipse(0.12, 0.12, 40)),
                        (0.4, ellipse(0.08, 0.08, 40)),
                        (0.75, ellipse(0.12, 0.12, 40)),
                    ]
                )
            )
        parts.append(ring(0.025, 0.008, 20).moved(z=0.85 - deep + 0.005))
        return join(parts)
    parts = [
        bowl.scaled(x=0.7, y=1.15).moved(z=0.4),
        loft(
            [
                (0, ellipse(0.13, 0.2, 40)),
                (0.12, ellipse(0.1, 0.16, 40)),
                (0.25, ellipse(0.14, 0.2, 40)),
            ]
        ),
    ]
    parts.append(box(0.4, 0.18, d.real(0.28, 0.4), 0.03, 0.015).moved(0, y * 0.62, 0.38))
    seat = lathe(polyline((0.7, 0), (1, 0), (1, 0.06), (0.7, 0.06), (0.7, 0)), 48).scaled(
        x=x * 0.36, y=y * 0.59, z=0.4
    )
    parts.append(seat.moved(z=0.405))
    lid = prism(ellipse(x * 0.35, y * 0.58, 48), 0.02)
    parts.append(
        lid.turned("x", 80).moved(0, y * 0.48, 0.42 + y * 0.58)
        if d.chance(0.5)
        else lid.moved(z=0.43)
    )
    return join(parts)


FAMILIES = (
    Family("Tap", "23-01", tap),
    Family("Shower head", "23-01", shower),
    Family("Pipe valve", "23-01", valve),
    Family("Sanitary basin", "23-02", basin),
)
