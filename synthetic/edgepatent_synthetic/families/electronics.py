"""14: flat cases with screens, keys and grilles, which its subclasses share."""

import numpy as np

from edgepatent_synthetic.draw import Draw
from edgepatent_synthetic.families.family import Family
from edgepatent_synthetic.mesh import Mesh, join
from edgepatent_synthetic.outlines import circle, ellipse, rounded
from edgepatent_synthetic.solids import ball, box, loft, prism, ring, rod, smooth_path, tube


def key_field(x: float, y: float, nx: int, ny: int, rise: float, round_keys: bool) -> list[Mesh]:
    """Keys in nx by ny over an area x by y about the origin, that rise from z = 0."""
    w, h = x / nx, y / ny
    side = min(w, h)
    outline = circle(side * 0.38, 20) if round_keys else rounded(w * 0.8, h * 0.78, side * 0.15)
    key = prism(outline, rise + 0.004)
    return [
        key.moved((i + 0.5) * w - x / 2, (j + 0.5) * h - y / 2, -0.004)
        for i in range(nx)
        for j in range(ny)
    ]


def phone(d: Draw) -> Mesh:
    """A smartphone: screen, cameras behind, buttons at the side. Upright, its face to the front."""
    x, z, y = d.real(0.44, 0.52), 1.0, d.real(0.04, 0.07)
    radius = x * d.real(0.06, 0.22)
    parts = [prism(rounded(x, z, radius), y, y * d.choice((0.1, 0.3, 0.49)))]
    edge = d.real(0.01, 0.04)
    parts.append(
        prism(
            rounded(x - 2 * edge, z - 2 * edge * d.choice((1, 1, 3)), max(radius - edge, 0.01)),
            0.004,
        ).moved(z=y - 0.001)
    )
    if d.chance(0.5):
        parts.append(prism(circle(x * 0.08, 28), 0.006).moved(0, -z * 0.45, y))
    parts.append(prism(rounded(x * 0.2, 0.014, 0.007), 0.006).moved(0, z * 0.47, y))
    plan = d.choice(("row", "square", "single"))
    bump = d.real(0.1, 0.16)
    spots = {"row": 3, "square": 4, "single": 1}[plan]
    for i in range(spots):
        cx = -x * 0.27 + (bump * (i % 2) if plan == "square" else 0)
        cy = z * 0.38 - bump * (i // 2 if plan == "square" else i)
        parts.append(prism(circle(bump * 0.38, 24), 0.03).moved(cx, cy, -0.022))
        parts.append(prism(circle(bump * 0.22, 20), 0.034).moved(cx, cy, -0.03))
    if plan != "single" and d.chance(0.6):
        size = (bump * 1.15, bump * 3.1) if plan == "row" else (bump * 2.1, bump * 2.1)
        cx, cy = (
            (-x * 0.27, z * 0.38 - bump)
            if plan == "row"
            else (-x * 0.27 + bump / 2, z * 0.38 - bump / 2)
        )
        parts.append(prism(rounded(*size, bump * 0.4), 0.02).moved(cx, cy, -0.014))
    button = box(0.012, y * 0.4, 0.07, 0.003).turned("x", -90)
    parts += [button.moved(x / 2, up * z, y / 2) for up in (0.2, 0.1, -0.02)[: d.whole(1, 3)]]
    return join(parts).turned("x", 90)


def remote(d: Draw) -> Mesh:
    """A remote control: a bar with a field of keys and a ring of arrows."""
    x, z, y = d.real(0.18, 0.3), 1.0, d.real(0.06, 0.12)
    waist = d.real(0.75, 1.0)
    if waist < 0.85:
        parts = [
            loft(
                [
                    (0, rounded(x * waist * 0.9, y, y * 0.4)),
                    (z * 0.5, rounded(x * waist, y, y * 0.4)),
                    (z, rounded(x, y, y * 0.4)),
                ]
            )
            .turned("x", -90)
            .moved(0, -z / 2, y / 2)
        ]
    else:
        parts = [prism(rounded(x, z, x * d.real(0.05, 0.5)), y, y * 0.3)]
    parts += [
        k.moved(0, -z * 0.2, y)
        for k in key_field(
            x * 0.72, z * d.real(0.3, 0.45), d.whole(2, 4), d.whole(3, 7), 0.02, d.chance(0.5)
        )
    ]
    if d.chance(0.75):
        parts.append(ring(x * 0.28, x * 0.07, 36).moved(0, z * 0.22, y))
        parts.append(prism(circle(x * 0.14, 24), 0.02).moved(0, z * 0.22, y))
    parts += [
        k.moved(0, z * 0.42, y) for k in key_field(x * 0.7, 0.07, d.whole(1, 3), 1, 0.02, True)
    ]
    return join(parts).turned("x", 90)


def laptop(d: Draw) -> Mesh:
    """A base with keys and touchpad, and a lid at an angle."""
    x, y, thick = 1.0, d.real(0.62, 0.75), d.real(0.02, 0.05)
    radius = d.real(0.01, 0.06)
    base = [prism(rounded(x, y, radius), thick, thick * d.choice((0.0, 0.3)))]
    rows = d.whole(4, 6)
    base += [
        k.moved(0, y * 0.12, thick)
        for k in key_field(x * 0.86, y * 0.42, d.whole(11, 14), rows, 0.006, False)
    ]
    base.append(box(x * d.real(0.2, 0.34), y * 0.26, 0.003, 0.01).moved(0, -y * 0.3, thick))
    lid = [prism(rounded(x, y, radius), thick * 0.6, 0)]
    edge = d.real(0.02, 0.05)
    lid.append(prism(rounded(x - 2 * edge, y - 2.5 * edge, 0.008), 0.004).moved(z=thick * 0.6))
    screen = join(lid).moved(0, y / 2, 0).turned("x", d.real(85, 115)).moved(0, y / 2 + 0.01, thick)
    hinge = [
        rod((s * x * 0.3 - 0.08, y / 2, thick), (s * x * 0.3 + 0.08, y / 2, thick), thick * 0.5)
        for s in (-1, 1)
    ]
    return join(base, screen.turned("z", 0), hinge)


def mouse(d: Draw) -> Mesh:
    """A computer mouse: a low dome with two keys and a wheel."""
    x, y, z = d.real(0.5, 0.65), 1.0, d.real(0.28, 0.42)
    waist, back = d.real(0.8, 1.0), d.real(0.6, 0.95)
    sections = []
    for t in (0.0, 0.12, 0.35, 0.6, 0.8, 0.93, 1.0):
        s = (1 - t**2.6) ** 0.5 if t < 1 else 0.05
        outline = ellipse(x / 2 * (0.25 + 0.75 * s), y / 2 * (0.3 + 0.7 * s), 44, 2.6)
        outline[:, 0] *= 1 - (1 - waist) * (1 - (outline[:, 1] / (y / 2)) ** 2)
        sections.append((z * t, outline + np.array([0, (1 - s) * y * 0.12 * back])))
    parts = [loft(sections)]
    parts.append(prism(circle(0.1, 24), 0.06).turned("y", 90).moved(-0.03, -y * 0.28, z * 0.72))
    if d.chance(0.6):
        line = [
            (0, -y * 0.48, z * 0.35),
            (0, -y * 0.36, z * 0.78),
            (0, -y * 0.1, z * 0.98),
            (0, y * 0.08, z * 1.0),
        ]
        parts.append(tube(smooth_path(line, 24), 0.008, 8))
    if d.chance(0.5):
        parts.append(box(0.03, 0.2, 0.05, 0.01).moved(-x / 2 * 0.93 * waist, 0, z * 0.5))
    if d.chance(0.4):
        cord = [
            (0, -y * 0.48, z * 0.2),
            (0, -y * 0.65, z * 0.12),
            (x * 0.2, -y * 0.85, 0.03),
            (x * 0.1, -y * 1.1, 0.03),
        ]
        parts.append(tube(smooth_path(cord, 24), 0.018, 10).as_environment())
    return join(parts)


def speaker(d: Draw) -> Mesh:
    """A cabinet, upright or round, with one to three cones."""
    cones = d.whole(1, 3)
    x, y = d.real(0.4, 0.6), d.real(0.3, 0.5)
    z = x * d.real(0.9, 1.2) * (0.5 + 0.5 * cones)
    parts = [prism(rounded(x, z, x * d.choice((0.0, 0.06, 0.2, 0.49))), y, d.choice((0.0, 0.03)))]
    for i in range(cones):
        r = x * (0.38 if i == 0 else d.real(0.16, 0.38))
        cy = z * ((i + 0.5) / cones - 0.5)
        parts.append(ring(r, 0.022, 40).moved(0, cy, y))
        parts.append(ring(r * 0.75, 0.012, 36).moved(0, cy, y))
        parts.append(ball(r * 0.35, 24).scaled(z=0.5).moved(0, cy, y))
    if d.chance(0.5):
        parts.append(box(x * 0.25, z * 0.05, 0.01, 0.01).moved(x * 0.25, -z * 0.45, y))
    if d.chance(0.5):
        parts += [
            rod((s * x * 0.4, -z / 2, t * y), (s * x * 0.4, -z / 2 - 0.05, t * y), 0.03)
            for s in (-1, 1)
            for t in (0.2, 0.8)
        ]
    return join(parts).turned("x", 90)


def headphones(d: Draw) -> Mesh:
    """Two cups on a band."""
    r, wide = d.real(0.45, 0.55), d.real(0.02, 0.07)
    line = [
        (-r, 0, 0.0),
        (-r * 0.98, 0, 0.35),
        (-r * 0.6, 0, 0.75),
        (0, 0, 0.9),
        (r * 0.6, 0, 0.75),
        (r * 0.98, 0, 0.35),
        (r, 0, 0.0),
    ]
    parts = [tube(smooth_path(line, 40), ellipse(0.02, wide, 16))]
    if d.chance(0.6):
        pad = [(p[0] * 0.93, 0, p[2] * 0.96) for p in line[2:5]]
        parts.append(tube(smooth_path(pad, 20), ellipse(0.03, wide * 1.2, 16)))
    a, b = d.real(0.2, 0.3), d.real(0.22, 0.32)
    cup = prism(ellipse(a, b, 40), d.real(0.08, 0.16), 0.04)
    soft = prism(ellipse(a * 0.98, b * 0.98, 40), 0.09, 0.035)
    for s in (-1, 1):
        parts.append(cup.turned("y", 90 * s).moved(s * (r - 0.02), 0, -0.05))
        parts.append(soft.turned("y", -90 * s).moved(s * (r - 0.02), 0, -0.05))
        if d.chance(0.6):
            parts.append(box(0.05, 0.08, 0.25, 0.01).moved(s * (r + 0.01), 0, 0.05))
    return join(parts)


FAMILIES = (
    Family("Mobile phone", "14-03", phone),
    Family("Remote control", "14-03", remote),
    Family("Laptop computer", "14-02", laptop),
    Family("Computer mouse", "14-02", mouse),
    Family("Loudspeaker", "14-01", speaker),
    Family("Headphones", "14-01", headphones),
)
