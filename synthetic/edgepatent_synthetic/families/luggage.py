"""03: what is carried along. Bags and cases share handles and buckles; umbrellas are ribbed."""

import numpy as np

from edgepatent_synthetic.draw import Draw
from edgepatent_synthetic.families.family import Family
from edgepatent_synthetic.mesh import Mesh, join
from edgepatent_synthetic.outlines import ellipse, rounded
from edgepatent_synthetic.solids import box, loft, prism, rod, skin, smooth_path, tube


def bow(half: float, rise: float, section: float, flat: bool) -> Mesh:
    """A handle from (−half, 0, 0) up and over to (half, 0, 0)."""
    line = [
        (-half, 0, -0.02),
        (-half * 0.95, 0, rise * 0.6),
        (0, 0, rise),
        (half * 0.95, 0, rise * 0.6),
        (half, 0, -0.02),
    ]
    return tube(smooth_path(line, 32), ellipse(section, section * 2.2, 16) if flat else section)


def handbag(d: Draw) -> Mesh:
    """A soft body with two handles and a clasp or a flap."""
    x, y, z = d.real(0.7, 1.0), d.real(0.22, 0.38), d.real(0.5, 0.8)
    mouth = d.real(0.25, 0.8)
    power = d.real(3, 8)
    levels = [
        (t, 1 + 0.08 * np.sin(np.pi * t), 1 - (1 - mouth) * t**1.5) for t in np.linspace(0, 1, 9)
    ]
    body = loft([(z * t, ellipse(x / 2 * a, y / 2 * b, 48, power)) for t, a, b in levels])
    parts = [body]
    rise = d.real(0.25, 0.6)
    for s in (-1, 1):
        handle = bow(x * d.real(0.16, 0.24), rise, d.real(0.014, 0.024), d.chance(0.5))
        parts.append(handle.moved(0, s * y / 2 * mouth * 0.9, z * 0.98))
    if d.chance(0.5):
        wide, drop = x * d.real(0.5, 0.95), z * d.real(0.3, 0.65)
        flap = prism(rounded(wide, drop, min(wide, drop) * d.real(0.05, 0.45)), 0.02).turned(
            "x", 90
        )
        parts.append(flap.moved(0, -y / 2 * 0.98 - 0.01, z - drop / 2))
        parts.append(box(0.07, 0.03, 0.07, 0.01).moved(0, -y / 2 - 0.04, z - drop + 0.02))
    else:
        parts += [box(0.05, y * 1.06, 0.11, 0.01).moved(s * x * 0.2, 0, z * 0.72) for s in (-1, 1)]
    return join(parts)


def suitcase(d: Draw) -> Mesh:
    """A hard case with ribs, handle and castors."""
    x, y, z = d.real(0.5, 0.75), d.real(0.22, 0.34), d.real(0.75, 1.0)
    radius = d.real(0.03, 0.12)
    parts = [prism(rounded(x, z, radius), y, y * 0.18).turned("x", 90).moved(0, y / 2, z / 2)]
    n = d.whole(0, 7)
    upright = d.chance(0.6)
    for s in (-1, 1):
        for i in range(n):
            at = (i + 0.5) / n - 0.5
            if upright:
                rib = box(x / n * 0.35, 0.02, z * 0.8, 0.004).moved(
                    at * x * 0.86, s * (y / 2 + 0.003), z * 0.1
                )
            else:
                rib = box(x * 0.82, 0.02, z / n * 0.3, 0.004).moved(
                    0, s * (y / 2 + 0.003), z * (0.47 + at * 0.86)
                )
            parts.append(rib)
    if d.chance(0.7):
        tall = d.real(0.1, 0.4)
        parts += [
            rod((s * x * 0.22, y * 0.3, z * 0.98), (s * x * 0.22, y * 0.3, z + tall), 0.012)
            for s in (-1, 1)
        ]
        parts.append(box(x * 0.5, 0.045, 0.05, 0.02, 0.01).moved(0, y * 0.3, z + tall - 0.02))
    parts.append(bow(x * 0.16, 0.05, 0.014, True).moved(0, -y * 0.1, z))
    for px in (-1, 1):
        for py in (-1, 1):
            wheel = rod(
                (px * x * 0.4 - 0.02, py * y * 0.36, -0.035),
                (px * x * 0.4 + 0.02, py * y * 0.36, -0.035),
                0.04,
            )
            parts.append(wheel)
    return join(parts)


def umbrella(d: Draw) -> Mesh:
    """A ribbed canopy on a stick with a crook or a knob."""
    ribs, rise, sag = d.choice((6, 8, 8, 10)), d.real(0.22, 0.42), d.real(0.03, 0.09)
    count = ribs * 6
    angle = np.arange(count) * (2 * np.pi / count)
    dip = (1 - np.cos(ribs * angle)) / 2
    rings = []
    for t in np.linspace(1, 0.02, 12):
        r = 0.6 * t * (1 - 0.09 * dip * t)
        z = 0.62 + rise * (1 - t**2) - sag * dip * t * 0.5
        rings.append(np.column_stack([r * np.cos(angle), r * np.sin(angle), z]))
    under = [ring * [1, 1, 1] - [0, 0, 0.012] for ring in reversed(rings)]
    canopy = skin(np.array([*rings[::-1], *under[::-1]]), bottom=True, top=True)
    stick = rod((0, 0, -0.15), (0, 0, 0.7 + rise), 0.013)
    parts = [canopy, stick]
    if d.chance(0.6):
        w = d.real(0.06, 0.1)
        line = [
            (0, 0, -0.13),
            (0, 0, -0.25),
            (w * 0.3, 0, -0.25 - w),
            (w * 1.6, 0, -0.25 - w),
            (2 * w, 0, -0.24),
        ]
        parts.append(tube(smooth_path(line, 30), 0.024))
    else:
        parts.append(rod((0, 0, -0.32), (0, 0, -0.13), d.real(0.022, 0.035), 0.02))
    return join(parts)


FAMILIES = (
    Family("Handbag", "03-01", handbag),
    Family("Suitcase", "03-01", suitcase),
    Family("Umbrella", "03-03", umbrella),
)
