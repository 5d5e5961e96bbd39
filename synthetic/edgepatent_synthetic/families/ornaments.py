"""11: what adorns: vases are turned or lofted, stones are set."""

import numpy as np

from edgepatent_synthetic.draw import Draw
from edgepatent_synthetic.families.family import Family
from edgepatent_synthetic.families.vessels import hollow
from edgepatent_synthetic.mesh import Mesh, join
from edgepatent_synthetic.outlines import (
    profile,
    regular,
    rounded,
    wavy,
)
from edgepatent_synthetic.solids import (
    loft,
    ring,
    rod,
)


def vase(d: Draw) -> Mesh:
    """A vase or flower pot, turned, ribbed or faceted."""
    s = [d.real(0.2, 0.5) for _ in range(4)]
    mouth, height = d.real(0.12, 0.42), d.real(0.7, 1.2)
    shape = profile(
        (s[0] * 0.8, 0),
        *((k, height * (0.12 + 0.24 * i)) for i, k in enumerate(s)),
        (mouth, height),
        steps=26,
    )
    plan = d.choice(("turned", "turned", "ribbed", "faceted"))
    if plan == "turned":
        return hollow(shape, 0.025, 0.05)
    n = d.whole(8, 20)
    outline = wavy(1.0, n, 0.035, n * 8) if plan == "ribbed" else regular(d.whole(5, 9), 1.0)
    twist = d.real(-50, 50) if d.chance(0.5) else 0.0
    turns = np.radians(twist * shape[:, 1] / height)
    outside = []
    for (r, z), a in zip(shape, turns, strict=True):
        c, si = np.cos(a), np.sin(a)
        outside.append((float(z), outline @ np.array([[c, si], [-si, c]]) * r))
    rim = outside[-1]
    return loft([*outside, (rim[0], rim[1] * 0.85), (rim[0] - 0.2, rim[1] * 0.75)])


def finger_ring(d: Draw) -> Mesh:
    """A ring with stones."""
    wide, thick = d.real(0.05, 0.16), d.real(0.03, 0.06)
    parts = [
        ring(
            0.5,
            rounded(thick * 2, wide * 2, thick * d.real(0.1, 0.95))
            if d.chance(0.6)
            else d.real(0.04, 0.07),
            56,
        ).turned("x", 90)
    ]
    n = d.choice((1, 1, 3, 5))
    size = d.real(0.12, 0.24)
    sides = d.choice((4, 6, 8, 8, 12))
    stone = loft(
        [
            (-size * 0.9, regular(sides, size * 0.1)),
            (0.0, regular(sides, size)),
            (size * 0.12, regular(sides, size)),
            (size * 0.4, regular(sides, size * 0.6)),
        ]
    )
    for i in range(n):
        a = (i - (n - 1) / 2) * 28.0
        scale = 1.0 if i == n // 2 else d.real(0.5, 0.8)
        setting = join(
            stone,
            [
                rod(
                    (size * c, size * s, -size),
                    (size * c * 0.85, size * s * 0.85, size * 0.2),
                    size * 0.1,
                )
                for c, s in regular(4, 1.0, 45)
            ],
        )
        parts.append(
            setting.scaled(scale, scale, scale)
            .moved(z=0.5 + thick + size * 0.7 * scale)
            .turned("y", a)
        )
    return join(parts)


FAMILIES = (
    Family("Vase", "11-02", vase),
    Family("Finger ring", "11-01", finger_ring),
)
