"""21-02: what is trained and played with."""

import numpy as np

from edgepatent_synthetic.draw import Draw
from edgepatent_synthetic.families.family import Family
from edgepatent_synthetic.mesh import Mesh, join
from edgepatent_synthetic.outlines import (
    circle,
    ellipse,
    profile,
    regular,
)
from edgepatent_synthetic.solids import (
    lathe,
    prism,
    rod,
    smooth_path,
    tube,
)


def dumbbell(d: Draw) -> Mesh:
    """A dumbbell or a kettlebell."""
    if d.chance(0.35):
        base = lathe(
            profile((0.22, 0), (0.36, 0.12), (0.4, 0.36), (0.25, 0.62), (0, 0.7), steps=30), 44
        )
        line = [
            (-0.18, 0, 0.55),
            (-0.3, 0, 0.85),
            (-0.2, 0, 1.05),
            (0.2, 0, 1.05),
            (0.3, 0, 0.85),
            (0.18, 0, 0.55),
        ]
        return join(base, tube(smooth_path(line, 36), d.real(0.05, 0.07)))
    plates, r = d.whole(1, 3), d.real(0.22, 0.34)
    outline = circle(r, 44) if d.chance(0.5) else regular(d.choice((6, 8, 12)), r)
    grip = (
        lathe(profile((0.05, 0), (0.065, 0.2), (0.05, 0.4), steps=12), 28)
        .turned("y", 90)
        .moved(-0.2)
    )
    parts = [grip, rod((-0.6, 0, 0), (0.6, 0, 0), 0.045)]
    for s in (-1, 1):
        at = 0.2
        for i in range(plates):
            thick = d.real(0.06, 0.18)
            plate = prism(outline * (1 - 0.14 * i), thick, 0.02).turned("y", 90)
            parts.append(plate.scaled(x=s).moved(s * at, 0, 0))
            at += thick
        parts.append(rod((s * at, 0, 0), (s * (at + 0.06), 0, 0), 0.08))
    return join(parts)


def racket(d: Draw) -> Mesh:
    """A racket with strings, or a bat."""
    if d.chance(0.3):
        shape = profile(
            (0.0, 0),
            (0.05, 0.01),
            (0.03, 0.06),
            (0.028, 0.3),
            (d.real(0.05, 0.07), 0.75),
            (0.06, 0.98),
            (0, 1.0),
            steps=40,
        )
        return lathe(shape, 32)
    a, b = d.real(0.2, 0.26), d.real(0.24, 0.34)
    hoop = np.column_stack([ellipse(a, b, 56, d.real(2, 2.6)), np.zeros(56)])
    parts = [tube(hoop, d.real(0.014, 0.024), 12, closed=True)]
    n = d.whole(6, 12)
    for i in range(1, n):
        t = 2 * i / n - 1
        x, y = a * t, b * t
        parts.append(
            rod((x, -b * np.sqrt(1 - t * t), 0), (x, b * np.sqrt(1 - t * t), 0), 0.003, None)
        )
        parts.append(
            rod(
                (-a * np.sqrt(1 - t * t), y, 0.004), (a * np.sqrt(1 - t * t), y, 0.004), 0.003, None
            )
        )
    parts += [rod((s * a * 0.55, -b * 0.84, 0), (0, -b - 0.2, 0), 0.016) for s in (-1, 1)]
    grip = prism(regular(8, 0.032), d.real(0.3, 0.4), 0.008).turned("x", 90).moved(0, -b - 0.16, 0)
    return join(parts, grip).turned("x", 90)


FAMILIES = (
    Family("Dumbbell", "21-02", dumbbell),
    Family("Racket", "21-02", racket),
)
