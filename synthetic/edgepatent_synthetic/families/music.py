"""17: instruments: strings over a body, skins over a shell."""

import numpy as np

from edgepatent_synthetic.draw import Draw
from edgepatent_synthetic.families.family import Family
from edgepatent_synthetic.mesh import Mesh, join
from edgepatent_synthetic.outlines import (
    circle,
    polyline,
    profile,
    resampled,
)
from edgepatent_synthetic.solids import (
    box,
    lathe,
    prism,
    ring,
    rod,
)


def guitar(d: Draw) -> Mesh:
    """A string instrument: waisted body, neck, head, strings."""
    lower, waist, upper = d.real(0.24, 0.3), d.real(0.13, 0.2), d.real(0.17, 0.23)
    long = d.real(0.55, 0.75)
    right = resampled(
        [(0.01, 0), (lower, long * 0.2), (waist, long * 0.58), (upper, long * 0.8), (0.01, long)],
        30,
    )
    horn = d.real(0, 0.12) if d.chance(0.5) else 0.0
    left = right[::-1] * [-1, 1]
    right[20:, 1] += horn * np.linspace(0, 1, 10) * np.linspace(1, 0, 10) * 4
    outline = np.concatenate([right, left])
    thick = d.real(0.05, 0.14)
    parts = [prism(outline, thick, 0)]
    neck = d.real(0.6, 0.8)
    parts.append(box(0.055, neck, 0.04).moved(0, long + neck / 2 - 0.12, thick - 0.01))
    frets = d.whole(8, 14)
    parts += [
        box(0.057, 0.005, 0.006).moved(
            0, long + neck * (1 - 0.75 ** (i * 0.5 + 0.1)) * 1.0 - 0.1, thick + 0.03
        )
        for i in range(frets)
    ]
    head = prism(polyline((-0.035, 0), (0.035, 0), (0.06, 0.2), (-0.06, 0.2)), 0.03)
    parts.append(head.moved(0, long + neck - 0.13, thick))
    strings = d.choice((4, 6, 6))
    for i in range(strings):
        x = ((i + 0.5) / strings - 0.5) * 0.045
        parts.append(
            rod(
                (x * 1.3, long * 0.25, thick + 0.025),
                (x, long + neck - 0.1, thick + 0.04),
                0.0016,
                None,
            )
        )
        side = 1 if i % 2 else -1
        parts.append(
            rod(
                (side * 0.04, long + neck + 0.0 + 0.025 * i, thick + 0.015),
                (side * 0.09, long + neck + 0.025 * i, thick + 0.015),
                0.01,
            )
        )
    parts.append(box(0.14, 0.03, 0.025, 0.005).moved(0, long * 0.25, thick))
    if d.chance(0.6):
        parts.append(prism(circle(0.075, 36), 0.004).moved(0, long * 0.6, thick))
        parts.append(ring(0.08, 0.005, 40).moved(0, long * 0.6, thick))
    else:
        parts += [box(0.1, 0.035, 0.012, 0.01).moved(0, long * k, thick) for k in (0.4, 0.62)]
        parts += [
            prism(circle(0.018, 16), 0.025).moved(lower * 0.6, long * (0.12 + 0.08 * i), thick)
            for i in range(d.whole(1, 3))
        ]
    return join(parts).turned("x", 90)


def drum(d: Draw) -> Mesh:
    """A drum with hoops and lugs, or a dish with tongues."""
    r, height = 0.5, d.real(0.25, 0.9)
    waist = d.real(0.6, 1.1)
    shell = lathe(
        profile(
            (r, 0),
            (r * (1 + waist) / 2, height * 0.3),
            (r * waist, height * 0.5),
            (r * (1 + waist) / 2, height * 0.7),
            (r, height),
            steps=20,
        ),
        48,
    )
    parts = [shell]
    parts += [
        lathe(polyline((r, 0), (r * 1.06, 0), (r * 1.06, 0.05), (r, 0.05)), 48).moved(z=z)
        for z in (0, height - 0.05)
    ]
    n = d.whole(5, 10)
    rope = d.chance(0.4)
    for i in range(n):
        if rope:
            a, b = np.radians(360 * i / n), np.radians(360 * (i + 0.5) / n)
            top = (r * 1.06 * np.cos(a), r * 1.06 * np.sin(a), height - 0.03)
            for s in (0, -1):
                c = b + s * 2 * np.pi / n
                parts.append(rod(top, (r * 1.06 * np.cos(c), r * 1.06 * np.sin(c), 0.03), 0.012))
        else:
            parts.append(
                box(0.05, 0.06, 0.12, 0.02)
                .moved(r * (0.5 + waist / 2) + 0.03, 0, height / 2 - 0.06)
                .turned("z", 360 * i / n)
            )
            parts.append(
                rod((r * 1.08, 0, 0.02), (r * 1.08, 0, height - 0.02), 0.008).turned(
                    "z", 360 * i / n
                )
            )
    return join(parts)


FAMILIES = (
    Family("Guitar", "17-03", guitar),
    Family("Drum", "17-04", drum),
)
