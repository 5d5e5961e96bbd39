"""What furniture stands on: shared by seats, tables and storage."""

from edgepatent_synthetic.draw import Draw
from edgepatent_synthetic.mesh import Mesh, join
from edgepatent_synthetic.outlines import circle, profile, regular, rounded
from edgepatent_synthetic.solids import lathe, prism, rod, smooth_path, tube


def legs(d: Draw, x: float, y: float, height: float, weight: float = 1.0) -> Mesh:
    """A base under a top of x by y (full widths) at ``height``, that stands on z = 0."""
    plan = d.choice(("posts", "posts", "splayed", "turned", "pedestal", "sled", "panels", "cross"))
    thick = d.real(0.018, 0.04) * weight
    inset = d.real(0.8, 0.96)
    a, b = x / 2 * inset - thick, y / 2 * inset - thick
    corners = [(a, b), (-a, b), (-a, -b), (a, -b)]
    parts: list[Mesh] = []
    if plan in ("posts", "splayed"):
        square = d.chance(0.5)
        section = rounded(2 * thick, 2 * thick, thick * 0.2) if square else None
        out = d.real(1.1, 1.45) if plan == "splayed" else 1.0
        tip = None if square else thick * d.real(0.45, 1.0)
        for px, py in corners:
            start, end = (px, py, height), (px * out, py * out, 0.0)
            parts.append(rod(start, end, section if section is not None else thick, tip))
        if d.chance(0.5):
            parts += _stretchers(d, a * (1 + out) / 2, b * (1 + out) / 2, height / 2, thick * 0.6)
    elif plan == "turned":
        swell = [d.real(0.6, 1.5) for _ in range(5)]
        shape = profile(
            (thick * 0.6, 0),
            *((thick * s, height * (i + 0.5) / 5) for i, s in enumerate(swell)),
            (thick * 1.2, height),
        )
        parts = [lathe(shape, 24).moved(px, py) for px, py in corners]
    elif plan == "pedestal":
        spread = min(x, y) * d.real(0.28, 0.45)
        stem = thick * d.real(1.0, 1.8)
        if d.chance(0.5):
            foot = profile((spread, 0), (spread, 0.02), (stem * 1.5, 0.05), (stem, 0.15), steps=20)
            parts = [lathe(foot), rod((0, 0, 0.1), (0, 0, height), stem)]
        else:
            arms = d.whole(3, 5)
            arm = rod((0, 0, 0.09), (spread, 0, 0.03), rounded(thick * 1.2, thick * 1.6, 0.01))
            parts = [arm.turned("z", 360 * i / arms + 90) for i in range(arms)]
            parts.append(rod((0, 0, 0.04), (0, 0, height), stem))
            if d.chance(0.5):
                wheel = lathe(profile((0, 0), (thick, 0), (thick, thick), (0, thick), steps=12), 16)
                wheel = wheel.turned("y", 90).moved(spread - thick / 2, 0, thick)
                parts += [wheel.turned("z", 360 * i / arms + 90) for i in range(arms)]
    elif plan == "sled":
        for side in (-a, a):
            bend = smooth_path(
                [(side, -b, height), (side, -b, 0.03), (side, b, 0.03), (side, b, height)], 40
            )
            parts.append(tube(bend, thick * 0.7))
    elif plan == "panels":
        board = prism(rounded(2 * thick, 2 * b + 2 * thick, 0), height)
        parts = [board.moved(-a), board.moved(a)]
        if d.chance(0.5):
            parts.append(prism(rounded(2 * a, thick, 0), height * 0.4).moved(0, b, height * 0.5))
    else:
        for py in (-b, b):
            parts.append(rod((-a, py, height), (a, py, 0), thick))
            parts.append(rod((a, py + thick, height), (-a, py + thick, 0), thick))
        parts.append(rod((0, -b, height / 2), (0, b, height / 2), thick * 0.6))
    return join(parts)


def _stretchers(d: Draw, a: float, b: float, z: float, thick: float) -> list[Mesh]:
    """Rails between four legs: all around, or an H."""
    z *= d.real(0.5, 1.4)
    if d.chance(0.5):
        corners = [(a, b), (-a, b), (-a, -b), (a, -b)]
        return [
            rod((*p, z), (*q, z), circle(thick, 12))
            for p, q in zip(corners, corners[1:] + corners[:1], strict=True)
        ]
    return [
        rod((-a, -b, z), (-a, b, z), thick),
        rod((a, -b, z), (a, b, z), thick),
        rod((-a, 0, z), (a, 0, z), thick),
    ]


def plate(d: Draw, x: float, y: float, thick: float) -> Mesh:
    """A flat top of x by y about the origin that lies on z = 0, of one of several outlines."""
    shape = d.choice(("rectangle", "rounded", "round", "polygon"))
    if shape == "rectangle":
        outline = rounded(x, y, 0)
    elif shape == "rounded":
        outline = rounded(x, y, min(x, y) * d.real(0.08, 0.45))
    elif shape == "round":
        outline = circle(0.5, 48) * [x, y]
    else:
        outline = regular(d.whole(5, 8), 0.55) * [x, y]
    return prism(outline, thick, thick * d.choice((0.0, 0.25, 0.45)))
