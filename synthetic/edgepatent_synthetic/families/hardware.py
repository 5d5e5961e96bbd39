"""08: what cuts, holds, turns and locks; blades and fittings beside the hand tools."""

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
    resampled,
    rounded,
    stroke,
    wavy,
)
from edgepatent_synthetic.solids import box, lathe, prism, ring, rod, smooth_path, tube


def knife(d: Draw) -> Mesh:
    """A kitchen or outdoor knife: blade, bolster, riveted or moulded handle."""
    length, wide = d.real(0.5, 0.8), d.real(0.08, 0.2)
    point = d.real(-0.9, 0.3)
    upper = resampled([(0, wide / 2), (length * 0.6, wide / 2), (length, wide / 2 * point)], 16)
    lower = resampled(
        [
            (length, wide / 2 * point - 0.004),
            (length * 0.85, -wide * 0.3),
            (length * 0.5, -wide / 2),
            (0, -wide / 2),
        ],
        16,
    )
    blade = prism(np.concatenate([lower[::-1], upper[::-1]]), 0.02).moved(z=-0.01)
    hold, thick = d.real(0.38, 0.5), d.real(0.05, 0.07)
    w = resampled(
        [(0, d.real(0.8, 1.2)), (0.4, d.real(0.6, 1)), (0.8, d.real(0.6, 0.9)), (1, 0.8)], 14
    )[:, 1]
    line = resampled([(-hold, -0.02 * d.real(0, 2)), (-hold / 2, 0), (0, 0)], 14)
    handle = prism(stroke(line, w * thick * 2), thick).moved(z=-thick / 2)
    parts = [
        blade,
        handle,
        box(0.04, wide * 0.9 if wide < 0.13 else 0.12, 0.05, 0.01).moved(0, 0, -0.025),
    ]
    n = d.choice((0, 2, 3, 3))
    parts += [
        prism(circle(0.014, 16), thick + 0.008).moved(
            -hold * (0.2 + 0.3 * i), 0, -thick / 2 - 0.004
        )
        for i in range(n)
    ]
    return join(parts).turned("x", 90)


def scissors(d: Draw) -> Mesh:
    """Two blades that cross at a pivot, each with a bow."""
    length, angle = d.real(0.5, 0.75), d.real(4, 18)
    a, b = d.real(0.1, 0.15), d.real(0.13, 0.24)
    halves = []
    wide = d.real(0.06, 0.1)
    for s in (-1, 1):
        blade = prism(
            polyline((0, -wide / 2), (length, -0.004), (length, 0.004), (0, wide / 2)), 0.025
        )
        shank = prism(
            stroke(
                resampled([(0.02, 0), (-0.15, 0.03), (-0.32, 0.08)], 10),
                np.linspace(wide, 0.05, 10),
            ),
            0.03,
        )
        bow = tube(np.column_stack([ellipse(b, a), np.zeros(56)]), 0.026, 12, closed=True)
        half = join(blade, shank, bow.moved(-0.32 - b * 0.8, 0.08 + a * 0.55, 0.015))
        halves.append(half.scaled(y=s).turned("z", -s * angle).moved(z=0.027 * (s + 1) / 2))
    return join(halves, prism(circle(0.03, 24), 0.07).moved(z=-0.006))


def saw(d: Draw) -> Mesh:
    """A toothed blade on a pistol grip."""
    length, wide = d.real(0.8, 1.1), d.real(0.18, 0.28)
    n = d.whole(14, 30)
    x = np.linspace(length, 0, 2 * n + 1)
    y = (
        -wide / 2
        - 0.018 * (np.arange(2 * n + 1) % 2)
        + np.linspace(0.25, 0, 2 * n + 1) * wide * 0.6
    )
    teeth = np.column_stack([x, y])
    outline = np.concatenate(
        [teeth, [[0.0, wide / 2], [length, -wide / 2 + wide * d.real(0.3, 0.5)]]]
    )
    blade = prism(outline[::-1], 0.012)
    frame = tube(
        smooth_path(
            [
                (0.02, wide * 0.5, 0),
                (-0.2, wide * 0.7, 0),
                (-0.3, 0, 0),
                (-0.22, -wide * 0.7, 0),
                (0.0, -wide * 0.35, 0),
            ],
            36,
        ),
        ellipse(0.03, 0.045, 16),
    )
    plate = prism(rounded(0.16, wide * 1.05, 0.04), 0.04).moved(0.03, 0, -0.014)
    return join(blade, frame.moved(z=0.006), plate)


def knob(d: Draw) -> Mesh:
    """A knob or a lever for doors and drawers, on its rose."""
    rose = d.real(0.22, 0.34)
    parts = [
        prism(
            circle(rose) if d.chance(0.6) else rounded(2 * rose, 2 * rose, rose * d.real(0, 0.4)),
            0.06,
            0.02,
        )
    ]
    neck = d.real(0.06, 0.12)
    reach = d.real(0.2, 0.34)
    parts.append(rod((0, 0, 0.05), (0, 0, reach + 0.05), neck))
    plan = d.choice(("ball", "turned", "faceted", "lever"))
    if plan == "ball":
        parts.append(
            lathe(
                profile(
                    (neck, 0),
                    (0.24, 0.1),
                    (d.real(0.24, 0.32), 0.22),
                    (0.15, 0.34),
                    (0, 0.36),
                    steps=24,
                )
            ).moved(z=reach)
        )
    elif plan == "turned":
        parts.append(
            lathe(
                profile(
                    (neck, 0),
                    (0.3, 0.06),
                    (0.3, 0.12),
                    (d.real(0.08, 0.22), 0.16),
                    (0, 0.18),
                    steps=30,
                )
            ).moved(z=reach)
        )
    elif plan == "faceted":
        parts.append(prism(regular(d.whole(4, 10), d.real(0.22, 0.32)), 0.2, 0.05).moved(z=reach))
    else:
        long, sag = d.real(0.6, 0.9), d.real(-0.12, 0.12)
        line = smooth_path([(0, 0, reach), (long * 0.3, 0, reach + 0.03), (long, sag, reach)], 20)
        parts.append(tube(line, rounded(0.09, d.real(0.05, 0.12), 0.03)))
    return join(parts).turned("x", 90)


def padlock(d: Draw) -> Mesh:
    """A body with a shackle."""
    x, y, z = d.real(0.45, 0.6), d.real(0.16, 0.26), d.real(0.35, 0.6)
    parts = [
        prism(rounded(x, z, x * d.real(0.03, 0.4)), y, y * d.choice((0.0, 0.15, 0.3)))
        .turned("x", 90)
        .moved(0, y / 2, z / 2)
    ]
    r, rise, w = d.real(0.035, 0.055), d.real(0.1, 0.35), x * d.real(0.28, 0.36)
    line = [
        (-w, 0, z - 0.05),
        (-w, 0, z + rise),
        (-w * 0.7, 0, z + rise + w * 0.75),
        (0, 0, z + rise + w),
        (w * 0.7, 0, z + rise + w * 0.75),
        (w, 0, z + rise),
        (w, 0, z - 0.05),
    ]
    parts.append(tube(smooth_path(line, 40), r))
    if d.chance(0.45):
        dials = d.whole(3, 4)
        parts += [
            prism(wavy(y * 0.58, 10, 0.03, 60), x / dials * 0.6)
            .turned("y", 90)
            .moved((i - (dials - 1) / 2) * x * 0.8 / dials - x / dials * 0.3, 0, z * 0.35)
            for i in range(dials)
        ]
    else:
        parts.append(
            prism(circle(0.06, 24), 0.012).turned("x", 90).moved(0, -y / 2 + 0.004, z * 0.4)
        )
        parts.append(box(0.014, 0.016, 0.07).moved(0, -y / 2 - 0.01, z * 0.4 - 0.035))
    return join(parts)


def hook(d: Draw) -> Mesh:
    """A hook, single or in a row, on a plate."""
    n = d.choice((1, 1, 2, 3, 4))
    pitch = d.real(0.25, 0.4)
    x, z = max(0.2, n * pitch), d.real(0.22, 0.5)
    plate = prism(rounded(x, z, min(x, z) * d.real(0, 0.49)), 0.04, d.choice((0.0, 0.012))).turned(
        "x", 90
    )
    reach, up = d.real(0.2, 0.34), d.real(0.08, 0.25)
    line = [
        (0, -0.02, 0.0),
        (0, -reach * 0.4, -0.06),
        (0, -reach * 0.9, -0.08),
        (0, -reach, 0.02),
        (0, -reach * 0.95, up),
    ]
    flat = d.chance(0.5)
    arm = tube(smooth_path(line, 28), rounded(0.09, 0.03, 0.012) if flat else 0.03)
    parts = [plate]
    for i in range(n):
        at = (i - (n - 1) / 2) * pitch
        parts.append(arm.moved(at, 0, -z * 0.1))
        if not flat:
            tip = lathe(profile((0, -0.045), (0.045, 0), (0, 0.045), steps=14), 20)
            parts.append(tip.moved(at, -reach * 0.95, up - z * 0.1))
    screw = prism(circle(0.025, 16), 0.012).turned("x", 90)
    parts += [
        screw.moved(s * x * 0.36 if n > 1 else 0, -0.038, z * (0.0 if n > 1 else 0.36 * s))
        for s in (-1, 1)
    ]
    return join(parts)


def bracket(d: Draw) -> Mesh:
    """An angle that carries a shelf, with a rib and screw holes."""
    a, b, wide = d.real(0.5, 0.8), d.real(0.5, 0.9), d.real(0.1, 0.3)
    t = d.real(0.03, 0.05)
    parts = [box(t, wide, b), box(a, wide, t).moved(a / 2, 0, b - t)]
    brace = d.choice(("rib", "bar", "curve", "none"))
    if brace == "rib":
        parts.append(
            prism(polyline((0, 0), (a * 0.8, b * 0.8), (0, b * 0.8)), t)
            .turned("x", 90)
            .moved(0, t / 2, b * 0.18)
        )
    elif brace == "bar":
        parts.append(rod((0, 0, b * 0.2), (a * 0.8, 0, b - t), rounded(t, wide * 0.6)))
    elif brace == "curve":
        parts.append(
            tube(
                smooth_path([(0, 0, b * 0.15), (a * 0.2, 0, b * 0.7), (a * 0.85, 0, b - t)], 20),
                t * 0.6,
            )
        )
    hole = ring(0.03, 0.008, 20)
    parts += [hole.moved(a * k, 0, b) for k in (0.4, 0.8)]
    parts += [hole.turned("y", 90).moved(-t / 2, 0, b * k) for k in (0.25, 0.75)]
    return join(parts)


def drill(d: Draw) -> Mesh:
    """A hand-held power drill: motor, pistol grip, chuck, battery."""
    r, length = d.real(0.15, 0.2), d.real(0.5, 0.65)
    motor = lathe(
        profile(
            (0.0, 0), (r * 0.9, 0.02), (r, 0.15), (r, length * 0.7), (r * 0.75, length), steps=24
        )
    ).turned("y", 90)
    chuck = (
        lathe(polyline((r * 0.6, 0), (r * 0.62, 0.12), (r * 0.45, 0.17), (0.05, 0.24)), 32)
        .turned("y", 90)
        .moved(length)
    )
    bit = rod((length + 0.2, 0, 0), (length + 0.45, 0, 0), 0.022)
    lean = d.real(0.0, 0.2)
    handle = tube(
        smooth_path([(0.2, 0, -r * 0.5), (0.2 - lean / 2, 0, -0.4), (0.2 - lean, 0, -0.62)], 12),
        ellipse(0.085, 0.12, 28),
    )
    parts = [motor, chuck, bit.as_environment() if d.chance(0.4) else bit, handle]
    if d.chance(0.75):
        parts.append(
            prism(rounded(d.real(0.3, 0.45), 0.24, 0.04), d.real(0.12, 0.2), 0.02).moved(
                0.2 - lean, 0, -0.8
            )
        )
    parts.append(box(0.05, 0.06, 0.14, 0.02).moved(0.31 - lean * 0.2, 0, -r * 0.9 - 0.14))
    n = d.whole(3, 6)
    parts += [
        box(0.015, 0.01, r * 0.9).moved(0.1 + 0.05 * i, -r - 0.002, -r * 0.45) for i in range(n)
    ]
    return join(parts)


FAMILIES = (
    Family("Knife", "08-03", knife),
    Family("Scissors", "08-03", scissors),
    Family("Saw", "08-03", saw),
    Family("Door knob", "08-06", knob),
    Family("Padlock", "08-07", padlock),
    Family("Hook", "08-08", hook),
    Family("Shelf bracket", "08-08", bracket),
    Family("Power drill", "08-01", drill),
)
