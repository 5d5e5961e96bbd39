"""26: lamps. Shades, stems and bulbs go together as their subclasses need them."""

import numpy as np

from edgepatent_synthetic.draw import Draw
from edgepatent_synthetic.families.family import Family
from edgepatent_synthetic.mesh import Mesh, join
from edgepatent_synthetic.outlines import circle, polyline, profile, regular, wavy
from edgepatent_synthetic.solids import (
    ball,
    lathe,
    loft,
    prism,
    ring,
    rod,
    smooth_path,
    tube,
)


def shade(d: Draw, radius: float, height: float) -> Mesh:
    """A hollow lampshade that hangs from z = height down to 0."""
    top = radius * d.real(0.25, 1.0)
    plan = d.choice(("cone", "dome", "pleated", "panels"))
    if plan == "pleated":
        n = d.whole(16, 30)
        return loft([(0, wavy(radius, n, 0.03, n * 6)), (height, wavy(top, n, 0.03, n * 6))])
    if plan == "panels":
        n = d.whole(4, 8)
        return loft([(0, regular(n, radius)), (height, regular(n, top))])
    if plan == "cone":
        outside = np.array([[radius, 0.0], [top, height]])
    else:
        outside = profile(
            (radius, 0),
            (radius * 0.93, height * 0.45),
            (top * 0.9, height * 0.85),
            (top * 0.5, height),
            steps=16,
        )
    inside = outside[::-1] * [0.96, 1]
    return lathe(np.concatenate([outside, inside, outside[:1]]))


def table_lamp(d: Draw) -> Mesh:
    """A foot, a stem and a shade."""
    height, stem = d.real(0.5, 1.4), d.real(0.015, 0.03)
    r = d.real(0.14, 0.24)
    plan = d.choice(("vase", "stem", "tripod"))
    parts: list[Mesh] = []
    if plan == "vase":
        s = [d.real(0.3, 1.0) for _ in range(4)]
        parts.append(
            lathe(
                profile(
                    (r * 0.7, 0),
                    *((r * k, height * (0.15 + 0.2 * i)) for i, k in enumerate(s)),
                    (stem, height),
                    steps=36,
                )
            )
        )
    elif plan == "stem":
        parts.append(prism(circle(r) if d.chance(0.6) else regular(d.whole(4, 8), r), 0.035, 0.01))
        parts.append(rod((0, 0, 0.02), (0, 0, height), stem))
        parts += [
            ball(stem * d.real(1.5, 3), 20).moved(z=height * t)
            for t in (0.25, 0.5, 0.75)[: d.whole(0, 3)]
        ]
    else:
        leg = rod((0, 0, height * 0.9), (r * 1.8, 0, 0), stem)
        parts += [leg.turned("z", 120 * i + 30) for i in range(3)]
        parts.append(rod((0, 0, height * 0.85), (0, 0, height), stem * 1.6))
    size, tall = d.real(0.2, 0.4), d.real(0.2, 0.4)
    parts.append(shade(d, size, tall).moved(z=height - tall * d.real(0.0, 0.35)))
    return join(parts)


def desk_lamp(d: Draw) -> Mesh:
    """An arm with joints that carries a small head."""
    parts = [prism(circle(0.22) if d.chance(0.6) else regular(4, 0.26, 45), 0.05, 0.015)]
    a, b = d.real(0.4, 0.6), d.real(0.3, 0.55)
    lean, bend = np.radians(d.real(-25, 15)), np.radians(d.real(40, 80))
    elbow = (a * np.sin(lean), 0.0, 0.05 + a * np.cos(lean))
    head = (elbow[0] + b * np.sin(bend), 0.0, elbow[2] + b * np.cos(bend))
    if d.chance(0.35):
        parts.append(tube(smooth_path([(0, 0, 0.04), elbow, head], 40), 0.02))
    else:
        for y in (-0.022, 0.022)[: d.whole(1, 2)]:
            parts.append(rod((0, y, 0.05), (elbow[0], y, elbow[2]), 0.015))
            parts.append(rod((elbow[0], y, elbow[2]), (head[0], y, head[2]), 0.013))
        parts += [
            rod((p[0], -0.045, p[2]), (p[0], 0.045, p[2]), 0.03)
            for p in ((0.0, 0.0, 0.06), elbow, head)
        ]
    size = d.real(0.1, 0.18)
    hood = lathe(
        profile(
            (size, 0),
            (size * 0.95, size * 0.5),
            (size * 0.45, size * 1.1),
            (size * 0.4, size * 1.7),
            steps=16,
        )
    )
    parts.append(hood.moved(z=-size).turned("y", d.real(-45, -10)).moved(head[0], 0, head[2]))
    return join(parts)


def pendant(d: Draw) -> Mesh:
    """A shade on a cord from a ceiling rose."""
    radius, tall = d.real(0.3, 0.5), d.real(0.2, 0.5)
    drop = d.real(0.4, 0.8)
    parts = [shade(d, radius, tall), rod((0, 0, tall), (0, 0, tall + drop), 0.012)]
    parts.append(
        lathe(polyline((0.1, 0), (0.1, 0.03), (0.0, 0.05)), 28).scaled(z=-1).moved(z=tall + drop)
    )
    parts.append(rod((0, 0, tall - 0.02), (0, 0, tall + 0.08), 0.045))
    if d.chance(0.5):
        parts.append(ball(radius * 0.28, 24).moved(z=d.real(0, 0.1)))
    return join(parts)


def bulb(d: Draw) -> Mesh:
    """A bulb of glass on a screw base."""
    r = d.real(0.28, 0.4)
    long = d.real(0.8, 1.4)
    glass = lathe(
        profile(
            (0.14, 0), (0.16, 0.12), (r, long * 0.55), (r * 0.75, long * 0.88), (0, long), steps=32
        )
    )
    thread = [
        ring(0.15, 0.022, 28).turned("x", 5).moved(z=-0.06 - 0.06 * i) for i in range(d.whole(3, 5))
    ]
    base = rod((0, 0, -0.34), (0, 0, 0.02), 0.145)
    tip = lathe(polyline((0.145, 0), (0.06, -0.07), (0.0, -0.07)), 24).moved(z=-0.34)
    parts = [glass, base, tip, *thread]
    if d.chance(0.5):
        fins = d.whole(8, 14)
        fin = prism(polyline((0.1, -0.01), (r * 0.9, -0.01), (r * 0.9, 0.01), (0.1, 0.01)), 0.25)
        parts += [fin.turned("z", 360 * i / fins) for i in range(fins)]
    return join(parts)


def torch(d: Draw) -> Mesh:
    """A flashlight: barrel, ribs, switch and a wider head."""
    r, length = d.real(0.07, 0.11), d.real(0.6, 0.8)
    head = r * d.real(1.3, 2.1)
    parts = [rod((0, 0, 0), (0, 0, length), r)]
    parts.append(
        lathe(
            polyline((r, 0), (head, d.real(0.05, 0.12)), (head, 0.22), (head * 0.9, 0.24)), 36
        ).moved(z=length - 0.02)
    )
    band = lathe(polyline((r * 0.9, 0), (r * 1.06, 0), (r * 1.06, 0.015), (r * 0.9, 0.015)), 36)
    n = d.whole(3, 10)
    parts += [band.moved(z=0.08 + 0.035 * i) for i in range(n)]
    parts.append(prism(rounded_switch(), 0.03).turned("x", 90).moved(0, -r * 0.85, length * 0.8))
    parts.append(ring(head * 0.92, 0.015, 36).moved(z=length + 0.215))
    return join(parts).turned("y", 90)


def rounded_switch() -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """The outline of a slide switch."""
    return circle(1, 24) * [0.03, 0.06]


def candlestick(d: Draw) -> Mesh:
    """A turned stem, with arms or without, and candles."""
    r, height = d.real(0.2, 0.3), d.real(0.5, 0.9)
    s = [d.real(0.12, 0.45) for _ in range(5)]
    stem = lathe(
        profile(
            (r, 0),
            (r * 0.95, 0.03),
            *((r * k, height * (0.12 + 0.19 * i)) for i, k in enumerate(s)),
            (0.05, height),
            steps=44,
        )
    )
    parts = [stem]
    saucer = lathe(
        profile((0.03, 0), (0.1, 0.02), (0.11, 0.05), (0.05, 0.05), (0.0, 0.03), steps=14), 28
    )
    candle = rod((0, 0, 0), (0, 0, d.real(0.2, 0.4)), 0.04)
    spots = [(0.0, height)]
    for i in range(d.choice((0, 0, 1, 2))):
        out, up = 0.3 + 0.16 * i, height * 0.95
        for side in (-1, 1):
            line = [(0, 0, height * 0.7), (side * out * 0.6, 0, height * 0.6), (side * out, 0, up)]
            parts.append(tube(smooth_path(line, 24), 0.025))
            spots.append((side * out, up))
    for x, z in spots:
        parts += [saucer.moved(x, 0, z - 0.01), candle.moved(x, 0, z + 0.02)]
    return join(parts)


FAMILIES = (
    Family("Table lamp", "26-05", table_lamp),
    Family("Desk lamp", "26-05", desk_lamp),
    Family("Pendant lamp", "26-05", pendant),
    Family("Light bulb", "26-04", bulb),
    Family("Flashlight", "26-02", torch),
    Family("Candlestick", "26-01", candlestick),
)
