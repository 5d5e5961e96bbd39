"""13 and 25: plugs and ladders."""

from edgepatent_synthetic.draw import Draw
from edgepatent_synthetic.families.family import Family
from edgepatent_synthetic.mesh import Mesh, join
from edgepatent_synthetic.outlines import (
    circle,
    rounded,
)
from edgepatent_synthetic.solids import (
    box,
    loft,
    prism,
    rod,
    smooth_path,
    tube,
)


def plug(d: Draw) -> Mesh:
    """A mains plug, a socket strip or a charger."""
    plan = d.choice(("plug", "strip", "charger"))
    if plan == "strip":
        n = d.whole(2, 6)
        body = box(0.3 * n + 0.2, 0.34, 0.16, d.real(0.02, 0.16), 0.02)
        hole = prism(circle(0.11, 32), 0.01)
        pins = [prism(circle(0.02, 12), 0.016).moved(s * 0.045) for s in (-1, 1)]
        outlets = [
            join(hole, pins).turned("z", 45 * (n > 3)).moved((i - (n - 1) / 2) * 0.3, 0, 0.158)
            for i in range(n)
        ]
        cord = tube(
            smooth_path(
                [
                    (-0.15 * n - 0.08, 0, 0.08),
                    (-0.15 * n - 0.4, 0, 0.06),
                    (-0.15 * n - 0.7, 0.2, 0.05),
                ],
                16,
            ),
            0.04,
        )
        return join(body, outlets, cord)
    x, z = d.real(0.3, 0.5), d.real(0.3, 0.5)
    body = loft(
        [
            (0, rounded(x, z, 0.06)),
            (0.25, rounded(x, z, 0.06)),
            (d.real(0.35, 0.6), rounded(x * d.real(0.4, 0.9), z * d.real(0.4, 0.9), 0.05)),
        ]
    )
    flat = d.chance(0.5)
    pin = box(0.05, 0.015, 0.22) if flat else rod((0, 0, 0), (0, 0, 0.25), 0.028)
    parts = [
        body,
        *[(pin.turned("z", 90) if flat else pin).scaled(z=-1).moved(s * x * 0.22) for s in (-1, 1)],
    ]
    if d.chance(0.4):
        parts.append(rod((0, z * 0.25, -0.26), (0, z * 0.25, 0), 0.03))
    if plan == "plug":
        parts.append(
            tube(smooth_path([(0, 0, 0.3), (0, 0, 0.7), (0.1, 0, 1.0)], 16), 0.05).as_environment()
        )
    else:
        parts += [box(0.03, 0.1, 0.012).turned("x", 0).moved(s * 0.07, 0, 0.6) for s in (-1, 1)]
    return join(parts).turned("x", 90)


def ladder(d: Draw) -> Mesh:
    """A ladder or a step stool."""
    wide, height, n = d.real(0.35, 0.5), d.real(0.8, 2.0), d.whole(3, 8)
    t = d.real(0.02, 0.035)
    lean = d.real(0.1, 0.25)
    section = rounded(t * 1.2, t * 2.4, t * 0.2)
    flat = d.chance(0.5)
    taper = d.real(0.8, 1.0)
    parts = []
    sides = [1.0, -1.0] if d.chance(0.7) else [1.0]
    for dy in sides:
        parts += [
            rod((s * wide / 2, -dy * lean * height, 0), (s * wide / 2 * taper, 0, height), section)
            for s in (-1, 1)
        ]
    for i in range(n):
        z = height * (i + 0.7) / n if len(sides) == 1 else height * (i + 1) / n
        half = wide / 2 * (1 - (1 - taper) * z / height)
        y = -lean * (height - z)
        step = (
            box(2 * half, t * 4, t, 0).moved(0, y, z - t)
            if flat
            else rod((-half, y, z), (half, y, z), t * 0.7)
        )
        parts.append(step)
    if len(sides) == 2:
        parts.append(
            rod(
                (-wide / 2, lean * height * 0.6, height * 0.4),
                (wide / 2, lean * height * 0.6, height * 0.4),
                t * 0.6,
            )
        )
        if d.chance(0.5):
            parts.append(box(wide * taper * 1.1, 0.2, 0.03, 0.01).moved(z=height))
    return join(parts)


FAMILIES = (
    Family("Plug", "13-03", plug),
    Family("Ladder", "25-04", ladder),
)
