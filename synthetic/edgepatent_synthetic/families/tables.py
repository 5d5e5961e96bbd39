"""06-03 and 06-04: tables and what things are kept in. They stand as seats do, and are larger."""

from edgepatent_synthetic.draw import Draw
from edgepatent_synthetic.families.family import Family
from edgepatent_synthetic.families.legs import legs, plate
from edgepatent_synthetic.mesh import Mesh, join
from edgepatent_synthetic.outlines import polyline
from edgepatent_synthetic.solids import box, lathe, rod


def table(d: Draw) -> Mesh:
    """A top on legs, with a drawer or a shelf below or without."""
    x = d.real(0.6, 1.6)
    y = min(x, d.real(0.5, 0.9))
    height, thick = d.real(0.35, 0.75), d.real(0.02, 0.06)
    top = plate(d, x, y, thick).moved(z=height)
    parts = [top, legs(d, x, y, height, 1.3)]
    if d.chance(0.3):
        parts.append(box(x * 0.8, y * 0.75, 0.09).moved(z=height - 0.09))
    if d.chance(0.25):
        parts.append(box(x * 0.75, y * 0.7, 0.02).moved(z=height * d.real(0.2, 0.45)))
    return join(parts)


def cabinet(d: Draw) -> Mesh:
    """Drawers or doors in rows and columns."""
    columns, rows = d.whole(1, 3), d.whole(1, 4)
    x, y, z = columns * d.real(0.35, 0.5), d.real(0.35, 0.5), rows * d.real(0.18, 0.4)
    foot = d.real(0.05, 0.25)
    parts = [box(x, y, z).moved(z=foot)]
    gap, front = d.real(0.008, 0.02), d.real(0.012, 0.025)
    w, h = x / columns, z / rows
    knob = d.choice(("knob", "bar", "upright"))
    for c in range(columns):
        for r in range(rows):
            at, up = (c - (columns - 1) / 2) * w, foot + r * h
            door = box(w - 2 * gap, front, h - 2 * gap, 0, 0).moved(
                at, -y / 2 - front / 2, up + gap
            )
            parts.append(door)
            face = -y / 2 - front
            if knob == "knob":
                turned = lathe(
                    polyline(
                        (0, 0), (0.008, 0), (0.008, 0.015), (0.016, 0.02), (0.016, 0.028), (0, 0.03)
                    ),
                    20,
                )
                parts.append(turned.turned("x", 90).moved(at, face, up + h / 2))
            elif knob == "bar":
                parts.append(box(w * 0.35, 0.02, 0.018).moved(at, face - 0.01, up + h * 0.7))
            else:
                parts.append(
                    rod(
                        (at + w * 0.38, face - 0.012, up + h * 0.3),
                        (at + w * 0.38, face - 0.012, up + h * 0.7),
                        0.008,
                    )
                )
    if d.chance(0.6):
        parts.append(box(x * 1.04, y * 1.08, 0.025, 0, 0.004).moved(z=foot + z))
    parts.append(legs(d, x, y, foot, 0.9) if foot > 0.09 else box(x * 0.92, y * 0.9, foot))
    return join(parts)


FAMILIES = (
    Family("Table", "06-03", table),
    Family("Cabinet", "06-04", cabinet),
)
