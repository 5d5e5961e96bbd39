"""09: packages. Bottles and jars share shoulder, neck and closure."""

import numpy as np

from edgepatent_synthetic.draw import Draw
from edgepatent_synthetic.families.family import Family
from edgepatent_synthetic.mesh import Mesh, join
from edgepatent_synthetic.outlines import (
    Points,
    circle,
    ellipse,
    polyline,
    resampled,
    rounded,
    wavy,
)
from edgepatent_synthetic.solids import lathe, loft, prism, rod


def cap(d: Draw, radius: float, height: float) -> Mesh:
    """A screw cap that stands on z = 0: smooth, ribbed or domed."""
    plan = d.choice(("smooth", "ribbed", "domed"))
    if plan == "ribbed":
        return prism(wavy(radius, d.whole(16, 30), 0.035, 120), height)
    if plan == "domed":
        return lathe(
            np.concatenate(
                [
                    polyline((radius, 0), (radius, height * 0.5)),
                    resampled(
                        [(radius, height * 0.55), (radius * 0.8, height * 0.9), (0, height)], 10
                    ),
                ]
            )
        )
    return prism(circle(radius), height, height * d.choice((0.0, 0.15)))


def _outline(d: Draw, plan: str, half: float) -> Points:
    if plan == "round":
        return circle(half, 48)
    if plan == "oval":
        return ellipse(half, half * d.real(0.45, 0.75), 48)
    return ellipse(half, half * d.real(0.5, 1.0), 48, d.real(4, 9))


def body(d: Draw, plan: str, half: float, height: float, neck: float, shoulder: float) -> Mesh:
    """A bottle's body up to its neck (a radius): any outline, drawn in to a round neck."""
    outline, mouth = _outline(d, plan, half), circle(neck, 48)
    waist = d.real(0.75, 1.05) if d.chance(0.5) else 1.0
    start = height - shoulder
    levels = [(0.0, 0.9, 0.0), (0.03, 1.0, 0.0)]
    levels += [
        (t * start, 1 + (waist - 1) * np.sin(np.pi * t), 0.0) for t in np.linspace(0.1, 1, 10)
    ]
    hang = d.real(0.6, 2.2)
    levels += [(start + shoulder * t, 1.0, t**hang) for t in np.linspace(0.12, 1, 10)]
    return loft([(z, outline * s * (1 - m) + mouth * m) for z, s, m in levels])


def bottle(d: Draw) -> Mesh:
    """A body, a neck and a cap, with a label or without."""
    half, height = d.real(0.16, 0.3), d.real(0.7, 1.0)
    neck = half * d.real(0.3, 0.55)
    plan = d.choice(("round", "round", "oval", "square"))
    parts = [body(d, plan, half, height, neck, height * d.real(0.12, 0.4))]
    length = d.real(0.03, 0.2)
    parts.append(rod((0, 0, height - 0.01), (0, 0, height + length), neck * 0.98))
    parts.append(
        cap(d, neck * d.real(1.1, 1.4), d.real(0.06, 0.14)).moved(
            z=height + length * d.real(0.5, 1)
        )
    )
    if d.chance(0.3):
        low, high = d.real(0.15, 0.3), d.real(0.4, 0.6)
        label = prism(_outline(d, plan, half) * 1.02, height * (high - low))
        parts.append(label.moved(z=height * low))
    return join(parts)


def jar(d: Draw) -> Mesh:
    """A body with a wide mouth and a lid."""
    half, height = d.real(0.3, 0.42), d.real(0.35, 0.75)
    neck = half * d.real(0.75, 0.92)
    plan = d.choice(("round", "round", "oval", "square"))
    parts = [body(d, plan, half, height, neck, height * d.real(0.08, 0.2))]
    parts.append(cap(d, neck * d.real(1.02, 1.12), d.real(0.1, 0.2)).moved(z=height))
    return join(parts)


def box_with_lid(d: Draw) -> Mesh:
    """A box with a lid and a tab."""
    x, y, z = d.real(0.6, 1.0), d.real(0.4, 0.8), d.real(0.25, 0.6)
    radius = d.real(0.0, 0.15)
    flare = d.real(0.8, 1.0)
    outline = rounded(x, y, radius)
    parts = [loft([(0, outline * flare), (z, outline)])]
    rim = d.real(1.02, 1.08)
    parts.append(prism(outline * rim, d.real(0.04, 0.14), d.choice((0.0, 0.015))).moved(z=z))
    if d.chance(0.5):
        parts.append(prism(rounded(x * 0.6, y * 0.6, radius * 0.6), z * 0.1 + 0.14).moved(z=z))
    if d.chance(0.5):
        tab = prism(rounded(0.18, 0.05, 0.02), 0.12)
        parts += [tab.moved(0, -y / 2 * rim, z - 0.05)]
    return join(parts)


FAMILIES = (
    Family("Bottle", "09-01", bottle),
    Family("Jar", "09-01", jar),
    Family("Container with lid", "09-03", box_with_lid),
)
