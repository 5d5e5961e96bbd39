"""06-01: things to sit on. All have a seat at a seat's height, and something under it."""

import numpy as np

from edgepatent_synthetic.draw import Draw
from edgepatent_synthetic.families.family import Family
from edgepatent_synthetic.families.legs import legs, plate
from edgepatent_synthetic.mesh import Mesh, join
from edgepatent_synthetic.outlines import ellipse, rounded, stroke
from edgepatent_synthetic.solids import box, prism, rod, smooth_path, tube


def cushion(x: float, y: float, z: float, roundness: float) -> Mesh:
    """A padded block x by y by z that lies on z = 0."""
    return prism(
        ellipse(x / 2, y / 2, 48, 3 + 6 * (1 - roundness)), z, z * 0.42 * roundness + 0.005
    )


def stool(d: Draw) -> Mesh:
    """A seat without a back."""
    x = d.real(0.32, 0.44)
    y = x * d.real(0.85, 1.05)
    height = d.real(0.4, 0.8)
    thick = d.real(0.025, 0.09)
    seat = cushion(x, y, thick, d.real(0.4, 1)) if d.chance(0.35) else plate(d, x, y, thick)
    return join(seat.moved(z=height), legs(d, x, y, height))


def chair(d: Draw) -> Mesh:
    """A seat with a back, with arms or without."""
    x, y = d.real(0.4, 0.52), d.real(0.4, 0.5)
    height, thick = d.real(0.4, 0.48), d.real(0.02, 0.08)
    seat = cushion(x, y, thick, d.real(0.3, 1)) if d.chance(0.4) else box(x, y, thick, 0.05, 0.01)
    back = _back(d, x * d.real(0.85, 1.0), d.real(0.35, 0.6))
    back = back.turned("x", -d.real(2, 16)).moved(0, y / 2 - 0.02, height + thick)
    parts = [seat.moved(z=height), legs(d, x, y, height), back]
    if d.chance(0.4):
        parts.append(_arms(d, x, y, height + thick))
    return join(parts)


def _back(d: Draw, x: float, z: float) -> Mesh:
    """A backrest that stands on the origin."""
    plan = d.choice(("panel", "slats", "bars", "hoop", "rails"))
    depth = d.real(0.015, 0.035)
    post = rounded(depth * 1.4, depth * 1.4, depth * 0.4)
    posts = [
        rod((s * (x / 2 - depth), 0, -0.02), (s * (x / 2 - depth), 0, z), post) for s in (-1, 1)
    ]
    if plan == "panel":
        low = z * d.real(0.0, 0.45)
        curve = d.real(0.0, 0.25) * x
        bent = np.column_stack([np.linspace(-x / 2, x / 2, 13), np.zeros(13)])
        bent[:, 1] = -curve * (bent[:, 0] / (x / 2)) ** 2 + curve * 0.5
        panel = prism(stroke(bent, depth), z - low).moved(z=low)
        return join(panel, posts) if low > 0.05 else panel
    if plan == "slats":
        n = d.whole(2, 5)
        slat = box(x - depth, depth, z / n * d.real(0.4, 0.7))
        return join(posts, [slat.moved(z=z * (i + 0.3) / n) for i in range(n)])
    if plan == "bars":
        n = d.whole(3, 8)
        top = box(x, depth * 1.5, depth * 2.5, 0, 0.004).moved(z=z - depth)
        spots = np.linspace(-x / 2, x / 2, n + 2)[1:-1]
        return join(posts, top, [rod((s, 0, -0.02), (s, 0, z), depth * 0.4) for s in spots])
    if plan == "hoop":
        w = x / 2 - depth
        line = [
            (-w, 0, -0.02),
            (-w, 0, z * 0.6),
            (-w * 0.6, 0, z),
            (w * 0.6, 0, z),
            (w, 0, z * 0.6),
            (w, 0, -0.02),
        ]
        n = d.whole(0, 5)
        bars = [
            rod((s, 0, 0), (s, 0, z * 0.98), depth * 0.35)
            for s in np.linspace(-w * 0.6, w * 0.6, n)
        ]
        return join(tube(smooth_path(line, 48), depth * 0.8), bars)
    rails = [rod((-x / 2, 0, z * t), (x / 2, 0, z * t), depth * 0.7) for t in (0.5, 0.72, 0.95)]
    return join(posts, rails[d.whole(0, 1) :])


def _arms(d: Draw, x: float, y: float, z: float) -> Mesh:
    """Two armrests above a seat of x by y at height z."""
    rise, thick = d.real(0.16, 0.24), d.real(0.014, 0.025)
    rest = box(thick * 3, y * 0.9, thick * 1.6, thick, 0.005)
    sides = []
    for s in (-1, 1):
        at = s * (x / 2 + thick)
        sides.append(rest.moved(at, 0, z + rise))
        sides.append(rod((at, -y * 0.35, z - 0.03), (at, -y * 0.35, z + rise), thick))
        sides.append(rod((at, y * 0.35, z - 0.03), (at, y * 0.35, z + rise), thick))
    return join(sides)


def sofa(d: Draw) -> Mesh:
    """A padded seat for one to three."""
    seats = d.whole(1, 3)
    one, depth = d.real(0.55, 0.7), d.real(0.7, 0.85)
    x = one * seats
    arm, base = d.real(0.08, 0.2), d.real(0.16, 0.24)
    foot, rest = d.real(0.04, 0.12), d.real(0.3, 0.5)
    soft = d.real(0.2, 1)
    parts = [box(x + 2 * arm, depth, base, 0.03, 0.01).moved(z=foot)]
    back = d.real(0.14, 0.22)
    parts.append(
        cushion(x + 2 * arm, back, base + rest, soft * 0.6).moved(
            0, (depth - back) / 2, foot + 0.02
        )
    )
    side = d.real(0.5, 0.9) * rest
    for s in (-1, 1):
        at = s * (x + arm) / 2
        if d.chance(0.3):
            parts.append(
                rod(
                    (at, -depth / 2, foot + base + side * 0.6),
                    (at, depth / 2, foot + base + side * 0.6),
                    arm * 0.62,
                )
            )
        parts.append(cushion(arm, depth * 0.98, base + side * 0.8, soft * 0.5).moved(at, 0, foot))
    for i in range(seats):
        at = (i - (seats - 1) / 2) * one
        parts.append(
            cushion(one * 0.99, depth - back, 0.13, soft).moved(at, -back / 2, foot + base)
        )
        if soft > 0.35:
            pad = cushion(one * 0.95, 0.12, rest * 0.85, soft).turned("x", -10)
            parts.append(pad.moved(at, depth / 2 - back - 0.05, foot + base + 0.1))
    parts += [
        rod(
            (px * x * 0.48, py * depth * 0.4, foot),
            (px * x * 0.48, py * depth * 0.4, 0),
            0.025,
            0.016,
        )
        for px in (-1, 1)
        for py in (-1, 1)
    ]
    return join(parts)


FAMILIES = (
    Family("Stool", "06-01", stool),
    Family("Chair", "06-01", chair),
    Family("Sofa", "06-01", sofa),
)
