"""04: brushes. A head with a block of bristles on a handle that all kinds share."""

import numpy as np

from edgepatent_synthetic.draw import Draw
from edgepatent_synthetic.families.family import Family
from edgepatent_synthetic.mesh import Mesh, join
from edgepatent_synthetic.outlines import ellipse, profile, resampled, rounded, stroke
from edgepatent_synthetic.solids import box, lathe, loft, prism, rod


def stick(d: Draw, length: float, thick: float) -> Mesh:
    """A flat handle along X from the origin, with a waist and a hole or not."""
    widths = resampled(
        [
            (0, d.real(0.6, 1)),
            (0.3, d.real(0.5, 0.9)),
            (0.7, d.real(0.9, 1.5)),
            (1, d.real(0.3, 1)),
        ],
        15,
    )[:, 1]
    line = resampled([(0, 0), (length * 0.5, 0), (length, 0)], 15)
    return prism(stroke(line, widths * thick * 2), thick * 0.8).moved(z=-thick * 0.4)


def tufts(x: float, y: float, length: float, nx: int, ny: int) -> list[Mesh]:
    """Bristles in nx by ny tufts that hang from z = 0."""
    size = min(x / nx, y / ny) * 0.42
    spots = [((i + 0.5) / nx - 0.5, (j + 0.5) / ny - 0.5) for i in range(nx) for j in range(ny)]
    return [rod((a * x, b * y, -length), (a * x, b * y, 0.005), size) for a, b in spots]


def toothbrush(d: Draw) -> Mesh:
    """A long handle and a small head of tufts."""
    thick, length = d.real(0.035, 0.05), 1.0
    head = d.real(0.18, 0.26)
    parts = [
        stick(d, length, thick),
        prism(rounded(head, thick * 1.9, thick * 0.8), thick * 0.7).moved(
            -head / 2 + 0.03, 0, -thick * 0.35
        ),
    ]
    bristles = tufts(head * 0.88, thick * 1.6, d.real(0.08, 0.12), d.whole(5, 8), d.whole(2, 3))
    parts += [b.moved(-head / 2 + 0.03, 0, -thick * 0.3) for b in bristles]
    return join(parts).turned("x", 180)


def hairbrush(d: Draw) -> Mesh:
    """An oval or round head full of pins."""
    thick, length = d.real(0.04, 0.06), d.real(0.5, 0.7)
    a, b = d.real(0.2, 0.32), d.real(0.12, 0.2)
    outline = ellipse(a, b, 40, d.real(2, 4))
    parts = [
        stick(d, length, thick).moved(a * 0.95),
        prism(outline, thick, thick * 0.35).moved(z=-thick / 2),
    ]
    parts.append(loft([(-0.02, outline * 0.82), (0.0, outline * 0.85)]).moved(z=-thick / 2))
    pins = tufts(a * 1.35, b * 1.3, d.real(0.08, 0.14), d.whole(6, 9), d.whole(3, 5))
    parts += [p.moved(z=-thick / 2) for p in pins]
    return join(parts).turned("x", 180)


def paintbrush(d: Draw) -> Mesh:
    """Handle, ferrule and a flat or round bundle of hair."""
    wide, thick = d.real(0.06, 0.26), d.real(0.035, 0.06)
    thick = min(thick, wide)
    length, hair = d.real(0.5, 0.8), d.real(0.2, 0.34)
    sections = resampled(
        [(0.35, 0), (d.real(0.3, 0.5), 0.2), (d.real(0.25, 0.4), 0.6), (0.9, 1)], 14
    )
    handle = loft(
        [
            (length * t, ellipse(wide / 2 * s, min(thick, wide * s) / 2 * (0.7 + 0.3 * s), 32, 3))
            for s, t in sections
        ]
    )
    outline = ellipse(wide / 2, thick / 2, 32, 4)
    ferrule = loft([(length, outline * 1.04), (length + 0.14, outline * 1.04)])
    tip = d.real(0.25, 1.0)
    brush = loft(
        [
            (length + 0.13, outline),
            (length + 0.13 + hair * 0.7, outline * [1.05, 1]),
            (length + 0.13 + hair, outline * [tip, 0.35]),
        ]
    )
    bands = [
        loft([(length + z, outline * 1.08), (length + z + 0.012, outline * 1.08)])
        for z in (0.02, 0.1)
    ]
    return join(handle, ferrule, brush, bands[: d.whole(0, 2)])


def broom(d: Draw) -> Mesh:
    """A long stick on a block or a fan of bristles."""
    wide, deep, bristle = d.real(0.25, 0.5), d.real(0.06, 0.1), d.real(0.1, 0.2)
    parts = [rod((0, 0, bristle), (0, 0, 1.5), d.real(0.012, 0.02))]
    if d.chance(0.55):
        parts.append(box(wide, deep, 0.06, 0.02, 0.012).moved(z=bristle))
        n = d.whole(8, 14)
        parts += [
            rod((x, y, bristle), (x * 1.06, y * 1.2, 0), wide / n * 0.36)
            for x in np.linspace(-wide / 2, wide / 2, n)[1:-1]
            for y in (-deep / 4, deep / 4)
        ]
    else:
        parts.append(
            loft(
                [
                    (0, rounded(wide, deep, 0.01)),
                    (bristle * 1.6, rounded(wide * 0.75, deep, 0.01)),
                    (bristle * 2.2, rounded(0.06, 0.06, 0.01)),
                ]
            )
        )
        parts += [
            loft(
                [
                    (z, rounded(wide * 0.8, deep * 1.1, 0.01)),
                    (z + 0.012, rounded(wide * 0.78, deep * 1.1, 0.01)),
                ]
            )
            for z in (bristle * 1.2, bristle * 1.5)
        ]
    parts.append(
        lathe(profile((0.03, 0), (0.03, 0.08), (0.018, 0.12), steps=8), 20).moved(z=bristle + 0.04)
    )
    return join(parts)


FAMILIES = (
    Family("Toothbrush", "04-02", toothbrush),
    Family("Hairbrush", "04-02", hairbrush),
    Family("Paintbrush", "04-04", paintbrush),
    Family("Broom", "04-01", broom),
)
