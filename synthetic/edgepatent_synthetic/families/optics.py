"""16: what is looked through: cameras, spectacles, telescopes share their rings and lenses."""

import numpy as np

from edgepatent_synthetic.draw import Draw
from edgepatent_synthetic.families.family import Family
from edgepatent_synthetic.mesh import Mesh, join
from edgepatent_synthetic.outlines import Points, circle, ellipse, polyline, rounded, wavy
from edgepatent_synthetic.solids import (
    ball,
    box,
    lathe,
    loft,
    prism,
    ring,
    rod,
    smooth_path,
    tube,
)


def lens(d: Draw, r: float, length: float) -> Mesh:
    """A lens barrel from z = 0 upward, with rings and glass."""
    step = d.real(0.8, 1.1)
    parts = [
        rod((0, 0, -0.02), (0, 0, length * 0.5), r),
        rod((0, 0, length * 0.4), (0, 0, length), r * step),
    ]
    parts.append(
        prism(wavy(r * max(step, 1) * 1.04, d.whole(20, 36), 0.02, 144), length * 0.25).moved(
            z=length * d.real(0.3, 0.6)
        )
    )
    parts.append(ring(r * step * 0.9, r * 0.06, 36).moved(z=length))
    parts.append(ball(r * step * 0.62, 24).scaled(z=0.3).moved(z=length))
    return join(parts)


def camera(d: Draw) -> Mesh:
    """A camera: body, lens, finder, dials, grip; or a small dome or action camera."""
    plan = d.choice(("still", "still", "action", "dome"))
    if plan == "dome":
        base = lathe(polyline((0.45, 0), (0.45, 0.1), (0.38, 0.2), (0.3, 0.22)), 48)
        return join(
            base,
            ball(d.real(0.26, 0.32), 36).moved(z=0.24),
            prism(circle(0.09, 24), 0.04).turned("x", 60).moved(0, -0.24, 0.36),
        )
    x, y, z = d.real(0.9, 1.3), d.real(0.3, 0.45), d.real(0.6, 0.8)
    if plan == "action":
        x, y = d.real(0.7, 0.9), d.real(0.3, 0.5)
    radius = d.real(0.02, 0.14)
    parts = [prism(rounded(x, z, radius), y, 0.03).turned("x", 90).moved(0, y / 2, z / 2)]
    r = z * d.real(0.28, 0.42)
    at = (
        d.real(-0.05, 0.1) if plan == "still" else x * 0.22,
        z * 0.48 if plan == "still" else z * 0.62,
    )
    barrel = lens(
        d, r if plan == "still" else z * 0.22, d.real(0.2, 0.8) if plan == "still" else 0.12
    )
    parts.append(barrel.turned("x", 90).moved(at[0], -y / 2, at[1]))
    if plan == "still":
        if d.chance(0.65):
            parts.append(
                loft(
                    [(0, rounded(0.38, y * 0.95, 0.03)), (0.14, rounded(0.26, y * 0.7, 0.03))]
                ).moved(0.02, 0, z - 0.005)
            )
        parts += [
            prism(wavy(0.09, 20, 0.03, 80), 0.07).moved(s * x * 0.34, 0, z)
            for s in ((-1, 1) if d.chance(0.5) else (1,))
        ]
        parts.append(prism(circle(0.035, 18), 0.04).moved(-x * 0.42, -y * 0.2, z))
        if d.chance(0.5):
            parts.append(box(0.16, 0.16, z * 0.9, 0.06).moved(-x * 0.42, -y / 2, z * 0.04))
        parts.append(
            prism(rounded(x * 0.5, z * 0.55, 0.02), 0.02)
            .turned("x", 90)
            .moved(0, y / 2 + 0.015, z * 0.45)
        )
    else:
        parts.append(
            prism(rounded(x * 0.35, z * 0.4, 0.02), 0.01)
            .turned("x", 90)
            .moved(-x * 0.2, -y / 2, z * 0.5)
        )
        parts.append(prism(circle(0.06, 24), 0.03).moved(-x * 0.25, 0, z))
    return join(parts)


def _rim(d: Draw) -> Points:
    plan = d.choice(("round", "oval", "square", "aviator", "cat"))
    if plan == "round":
        return circle(0.24, 40)
    if plan == "oval":
        return ellipse(0.28, 0.19, 40, d.real(2, 3))
    if plan == "square":
        return ellipse(0.28, d.real(0.17, 0.23), 40, d.real(4, 8))
    o = ellipse(0.28, 0.22, 40, 2.6)
    if plan == "aviator":
        o[:, 0] += 0.1 * (o[:, 1] < 0) * o[:, 1]
        o[:, 1] *= 1.1
    else:
        o[:, 1] += 0.22 * (o[:, 0] > 0) * o[:, 0]
    return o


def spectacles(d: Draw) -> Mesh:
    """Two rims, a bridge and temples."""
    outline, t, gap = _rim(d), d.real(0.012, 0.035), d.real(0.31, 0.36)
    parts = []
    for s in (-1, 1):
        path = np.column_stack([outline[:, 0] * s + s * gap, np.zeros(40), outline[:, 1]])
        parts.append(tube(path, ellipse(t, t * d.real(0.7, 1.3), 12), closed=True))
        pane = prism(outline * 0.99, 0.012).turned("x", 90).scaled(x=s).moved(s * gap, 0.006, 0)
        parts.append(pane)
        edge = s * (gap + 0.28)
        line = [
            (edge * 0.97, 0, 0.08),
            (edge * 1.05, 0.05, 0.08),
            (edge * 1.05, 0.5, 0.08),
            (edge, 0.95, 0.06),
            (edge * 0.96, 1.2, -0.14),
        ]
        parts.append(tube(smooth_path(line, 28), ellipse(0.035 if t > 0.02 else 0.014, 0.014, 12)))
    parts.append(
        tube(
            smooth_path(
                [(-gap + 0.26, 0, 0.02), (0, -0.02, d.real(0.05, 0.1)), (gap - 0.26, 0, 0.02)], 14
            ),
            t * 0.9,
        )
    )
    return join(parts)


def telescope(d: Draw) -> Mesh:
    """A telescope on a tripod, or binoculars."""
    r, length = d.real(0.1, 0.15), d.real(0.8, 1.2)
    pieces = [
        rod((0, 0, 0), (0, 0, length * 0.6), r),
        rod((0, 0, length * 0.55), (0, 0, length), r * d.real(1.05, 1.4)),
        rod((0, 0, -0.2), (0, 0, 0), r * 0.6),
    ]
    pieces += [ring(r * 1.03, 0.015, 32).moved(z=length * k) for k in (0.05, 0.3, 0.55)]
    barrel = join(pieces)
    if d.chance(0.5):
        gap = r * 1.5
        return join(
            barrel.scaled(z=0.5).moved(-gap),
            barrel.scaled(z=0.5).moved(gap),
            box(2 * gap, r * 0.8, 0.18).moved(z=0.1),
            rod((0, -0.03, -0.05), (0, -0.03, 0.3), 0.05),
        ).turned("x", 90)
    legs = [rod((0, 0, 0), (0.45, 0, -1.1), 0.03).turned("z", 120 * i) for i in range(3)]
    return join(
        barrel.moved(z=-length / 2).turned("y", d.real(50, 80)).moved(0, 0, 0.15),
        legs,
        prism(circle(0.08), 0.15).moved(z=-0.05),
    )


FAMILIES = (
    Family("Camera", "16-01", camera),
    Family("Spectacles", "16-06", spectacles),
    Family("Telescope", "16-06", telescope),
)
