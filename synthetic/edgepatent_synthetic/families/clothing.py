"""02: what is worn. Shoes are lofted along their length; hats are turned."""

import numpy as np

from edgepatent_synthetic.draw import Draw
from edgepatent_synthetic.families.family import Family
from edgepatent_synthetic.mesh import Mesh, join
from edgepatent_synthetic.outlines import Points, ellipse, profile, resampled
from edgepatent_synthetic.solids import lathe, loft, prism, rod, skin, smooth_path, tube


def footprint(d: Draw) -> Points:
    """The outline of a sole: 1 long from heel (x = 0) to toe, to be scaled in y."""
    waist, ball, toe = d.real(0.26, 0.31), d.real(0.36, 0.42), d.real(0.12, 0.3)
    upper = resampled(
        [
            (0, 0.01),
            (0.06, 0.13),
            (0.2, 0.16),
            (0.45, waist / 2),
            (0.72, ball / 2),
            (0.92, toe / 2),
            (1, 0.01),
        ],
        28,
    )
    lower = upper[::-1] * [1, -1]
    lower[:, 1] -= 0.035 * np.sin(np.pi * np.clip(lower[:, 0], 0, 1))
    return np.concatenate([lower, upper])


def upper(sole: Points, heights: Points, lean: float, z: float) -> Mesh:
    """A closed skin over a sole, whose height along x runs as ``heights`` [K, 2] say."""
    levels = np.linspace(0, 1, 12)
    top = np.interp(sole[:, 0], heights[:, 0], heights[:, 1])
    rings = []
    for t in levels:
        shrink = 1 - 0.92 * t**lean
        ring = np.column_stack([sole[:, 0] * 0.97 + 0.015, sole[:, 1] * shrink * 0.97, z + top * t])
        rings.append(ring)
    return skin(np.array(rings))


def shoe(d: Draw) -> Mesh:
    """A low shoe: sole, upper, collar and laces or straps."""
    outline = footprint(d)
    sole = d.real(0.05, 0.14)
    instep, heel = d.real(0.26, 0.38), d.real(0.24, 0.42)
    heights = resampled(
        [(0, heel), (0.2, heel * 0.95), (0.45, instep), (0.75, 0.17), (1.0, 0.09)], 20
    )
    parts = [
        prism(outline * [1.0, 1.05], sole * 0.9, 0),
        upper(outline, heights, d.real(3, 5), sole * 0.9),
    ]
    if d.chance(0.7):
        parts.append(
            prism(outline * [1.02, 1.09] - [0.01, 0], sole * 0.3, 0).moved(
                z=sole * d.real(0.2, 0.5)
            )
        )
    opening = loft([(0, ellipse(0.16, 0.09, 32)), (0.05, ellipse(0.17, 0.1, 32))])
    parts.append(opening.turned("y", d.real(4, 14)).moved(0.21, 0, sole + heel * 0.86))
    plan = d.choice(("laces", "straps", "stripes"))
    for i in range(d.whole(2, 5)):
        x = 0.42 + 0.07 * i
        z = sole + float(np.interp(x, heights[:, 0], heights[:, 1]))
        if plan == "stripes":
            parts += [
                rod((x - 0.06, s * 0.155, sole), (x + 0.02, s * 0.06, z * 0.93), 0.014)
                for s in (-1, 1)
            ]
        else:
            wide = 0.012 if plan == "laces" else 0.03
            line = smooth_path([(x, -0.1, z * 0.86), (x, 0, z + 0.005), (x, 0.1, z * 0.86)], 12)
            parts.append(tube(line, ellipse(wide, 0.012, 12)))
    return join(parts).turned("z", 180)


def slipper(d: Draw) -> Mesh:
    """A sole with a band over the instep, open at the heel."""
    outline = footprint(d)
    sole = d.real(0.05, 0.12)
    parts = [prism(outline, sole, sole * 0.3)]
    start, wide = d.real(0.45, 0.55), d.real(0.12, 0.34)
    height = d.real(0.14, 0.22)
    t = np.radians(np.linspace(0, 180, 19))
    if d.chance(0.7):
        rings = []
        for x in np.linspace(start, start + wide, 7):
            arc = np.column_stack(
                [
                    np.full(19, x),
                    0.2 * np.cos(t),
                    sole * 0.6 + height * (1.25 - x * 0.5) * np.sin(t) + 0.002,
                ]
            )
            inner = arc[::-1] * [1, 0.92, 0.9]
            rings.append(np.concatenate([arc, inner]))
        parts.append(skin(np.array(rings)))
    else:
        for s in (-1, 1):
            line = [
                (start + 0.3, 0, sole),
                (start + 0.22, s * 0.05, sole + height * 0.7),
                (start - 0.05, s * 0.17, sole * 0.8),
            ]
            parts.append(tube(smooth_path(line, 20), ellipse(0.022, 0.05, 14)))
    return join(parts).turned("z", 180)


def hat(d: Draw) -> Mesh:
    """A crown and a brim all around."""
    crown, brim = d.real(0.25, 0.45), d.real(0.62, 1.0)
    lift = d.real(-0.08, 0.12)
    shape = profile(
        (0, crown * d.real(0.75, 1)),
        (0.28, crown),
        (0.42, crown * 0.8),
        (0.45, 0.05),
        (0.5, 0.0),
        ((brim + 0.45) / 2, lift * 0.3),
        (brim, lift),
        steps=40,
    )
    back = np.column_stack([np.maximum(shape[::-1, 0] - 0.01, 0), shape[::-1, 1] - 0.025])
    parts = [lathe(np.concatenate([shape, back[:-1], [[0, back[-1, 1]]]]))]
    if d.chance(0.7):
        high = d.real(0.05, 0.12)
        parts.append(
            lathe(np.array([[0.4, 0.03], [0.465, 0.03], [0.455, 0.03 + high], [0.4, 0.03 + high]]))
        )
    return join(parts).scaled(x=d.real(0.85, 1.0), y=1.1)


def cap(d: Draw) -> Mesh:
    """A domed crown with a visor at the front."""
    height = d.real(0.3, 0.45)
    dome = lathe(
        profile((0.42, 0), (0.43, height * 0.4), (0.3, height * 0.9), (0, height), steps=20)
    )
    reach, droop = d.real(0.35, 0.5), d.real(0.02, 0.12)
    t = np.radians(np.linspace(-180, 0, 25))
    rim = np.column_stack([0.42 * np.cos(t), 0.42 * np.sin(t)])
    edge = np.column_stack([0.42 * np.cos(t), 0.42 * np.sin(t) * (1 + reach / 0.42 * 1.0)])
    rings = []
    for k in np.linspace(0.0, 1, 6):
        line = rim * (1 - k) + edge * k
        z = -droop * k**1.5 - 0.06 * k * (line[:, 0] / 0.42) ** 2
        over = np.column_stack([line, z + 0.012])
        under = np.column_stack([line, z - 0.012])[::-1]
        rings.append(np.concatenate([over, under]))
    parts = [dome, skin(np.array(rings))]
    if d.chance(0.7):
        parts.append(
            lathe(profile((0.035, 0), (0.03, 0.02), (0, 0.03), steps=8), 16).moved(z=height - 0.005)
        )
    if d.chance(0.6):
        n = d.choice((4, 6, 8))
        line = profile(
            (0.432, 0.01),
            (0.44, height * 0.4),
            (0.31, height * 0.91),
            (0.02, height * 1.01),
            steps=16,
        )
        path = np.column_stack([line[:, 0], np.zeros(16), line[:, 1]])
        parts += [tube(path, 0.006, 6).turned("z", 360 * i / n + 30) for i in range(n)]
    return join(parts)


FAMILIES = (
    Family("Shoe", "02-04", shoe),
    Family("Slipper", "02-04", slipper),
    Family("Hat", "02-03", hat),
    Family("Cap", "02-03", cap),
)
