"""19: what is written with, and stands on a desk."""

import numpy as np

from edgepatent_synthetic.draw import Draw
from edgepatent_synthetic.families.family import Family
from edgepatent_synthetic.mesh import Mesh, join
from edgepatent_synthetic.outlines import (
    circle,
    polyline,
    regular,
    resampled,
    rounded,
)
from edgepatent_synthetic.solids import (
    box,
    lathe,
    loft,
    prism,
    ring,
    rod,
    skin,
)


def pen(d: Draw) -> Mesh:
    """A pen or pencil: barrel, tip, clip."""
    r = d.real(0.03, 0.05)
    section = circle(r, 28) if d.chance(0.7) else regular(d.choice((3, 6, 6, 8)), r * 1.1)
    waist = d.real(0.75, 1.15)
    parts = [
        loft(
            [
                (0.14, section),
                (0.3, section * waist),
                (0.5, section),
                (0.95, section * d.real(0.8, 1.05)),
            ]
        )
    ]
    parts.append(lathe(polyline((0.003, 0), (0.008, 0.03), (r * 0.5, 0.05), (r * 0.95, 0.15)), 28))
    if d.chance(0.7):
        parts.append(box(0.02, 0.012, d.real(0.25, 0.36), 0.004).moved(0, -r - 0.014, 0.58))
        parts.append(box(0.02, 0.03, 0.02).moved(0, -r, 0.9))
    if d.chance(0.5):
        parts.append(rod((0, 0, 0.95), (0, 0, 1.03), r * 0.5))
    bands = d.whole(0, 5)
    parts += [ring(r * waist * 0.99, 0.006, 28).moved(z=0.2 + 0.025 * i) for i in range(bands)]
    return join(parts).turned("y", d.choice((0, 90)))


def book_stand(d: Draw) -> Mesh:
    """Office equipment: a stapler, a tape dispenser or a pen cup."""
    plan = d.choice(("stapler", "tape", "cup"))
    if plan == "stapler":
        side = resampled(
            [(0, 0.0), (0.02, d.real(0.1, 0.2)), (0.4, 0.2), (0.85, 0.15), (1.0, 0.03)], 16
        )
        arm = (
            prism(np.concatenate([[[0.98, 0.0]], side[::-1]])[::-1], 0.14)
            .turned("x", 90)
            .moved(0, 0.07, 0.13)
        )
        return join(
            arm,
            box(1.05, 0.17, 0.04, 0.03).moved(0.5),
            box(0.95, 0.1, 0.05).moved(0.5, 0, 0.09),
            rod((0.1, -0.08, 0.12), (0.1, 0.08, 0.12), 0.05),
        )
    if plan == "tape":
        body = (
            prism(
                polyline(
                    (-0.5, 0),
                    (0.6, 0),
                    (0.62, 0.3),
                    (0.3, 0.22),
                    (0.15, 0.35),
                    (-0.3, 0.35),
                    (-0.5, 0.25),
                ),
                0.3,
            )
            .turned("x", 90)
            .moved(0, 0.15)
        )
        return join(
            body,
            lathe(
                polyline(
                    (0.15, -0.1), (d.real(0.25, 0.32), -0.1), (0.3, 0.1), (0.15, 0.1), (0.15, -0.1)
                ),
                44,
            )
            .turned("x", 90)
            .moved(-0.1, 0, 0.38),
            rod((-0.1, -0.13, 0.38), (-0.1, 0.13, 0.38), 0.05),
        )
    o = d.choice((circle(0.3, 40), rounded(0.55, 0.5, 0.04), regular(6, 0.32)))
    inner = o * 0.92
    wall = np.stack(
        [
            np.column_stack([p, np.full(len(o), z)])
            for p, z in ((o, 0.0), (o * d.real(0.9, 1.1), 0.8), (inner, 0.8), (inner, 0.1))
        ]
    )
    return join(
        skin(wall),
        [
            rod((0.05 * i, 0.06 * (i % 2), 0.1), (0.12 * i, 0.1 * i, 1.1 + 0.1 * i), 0.025)
            for i in range(-1, d.whole(0, 2))
        ],
    )


FAMILIES = (
    Family("Pen", "19-06", pen),
    Family("Desk accessory", "19-02", book_stand),
)
