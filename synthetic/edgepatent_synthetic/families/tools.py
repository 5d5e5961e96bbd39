"""08: hand tools. All are a grip and a working end, and share their grips."""

from edgepatent_synthetic.draw import Draw
from edgepatent_synthetic.families.family import Family
from edgepatent_synthetic.mesh import Mesh, join
from edgepatent_synthetic.outlines import (
    circle,
    polyline,
    profile,
    regular,
    resampled,
    rounded,
    stroke,
)
from edgepatent_synthetic.solids import lathe, loft, prism, ring, rod


def grip(d: Draw, length: float, thick: float) -> Mesh:
    """A handle along Z from the origin upward."""
    plan = d.choice(("turned", "flat", "ribbed", "hexagonal"))
    if plan == "turned":
        s = [d.real(0.7, 1.15) for _ in range(4)]
        shape = profile(
            (0, 0),
            (thick * 0.7, length * 0.01),
            *((thick * k, length * (0.15 + 0.2 * i)) for i, k in enumerate(s)),
            (thick * 0.7, length),
            steps=30,
        )
        return lathe(shape, 32)
    if plan == "flat":
        sections = []
        swell = d.real(0.1, 0.35)
        for i in range(9):
            t = i / 8
            w = thick * (1.1 + swell * (abs(2 * t - 1) ** 2 * 2 - 0.6))
            sections.append((length * t, rounded(2 * w, 1.2 * thick, 0.5 * thick)))
        return loft(sections)
    if plan == "ribbed":
        core = rod((0, 0, 0), (0, 0, length), thick * 0.9)
        n = d.whole(4, 9)
        rib = lathe(
            polyline(
                (thick * 0.8, 0),
                (thick * 1.08, 0),
                (thick * 1.08, length * 0.04),
                (thick * 0.8, length * 0.04),
            ),
            28,
        )
        return join(core, [rib.moved(z=length * (0.1 + 0.8 * i / n)) for i in range(n)])
    return prism(regular(6, thick * 1.1), length, thick * 0.3)


def screwdriver(d: Draw) -> Mesh:
    """A grip, a shaft and a flat tip."""
    length, thick = d.real(0.35, 0.55), d.real(0.06, 0.1)
    shaft = d.real(0.35, 0.7)
    parts = [grip(d, length, thick)]
    r = thick * d.real(0.2, 0.4)
    if d.chance(0.6):
        parts.append(
            lathe(polyline((thick * 0.75, 0), (thick * 0.75, 0.03), (r, 0.06)), 28).moved(z=length)
        )
    parts.append(
        rod(
            (0, 0, length),
            (0, 0, length + shaft),
            circle(r, 20) if d.chance(0.7) else regular(6, r),
        )
    )
    flat = skin_blade(r)
    parts.append(flat.moved(z=length + shaft))
    return join(parts)


def skin_blade(r: float) -> Mesh:
    """The tip of a screwdriver on z = 0: round below, flat above."""
    tip = rounded(2.4 * r, 0.4 * r, 0.1 * r, 5)
    return loft(
        [
            (0, rounded(1.6 * r, 1.6 * r, 0.75 * r, 5)),
            (2.5 * r, rounded(2.6 * r, 0.9 * r, 0.3 * r, 5)),
            (4 * r, tip),
        ]
    )


def hammer(d: Draw) -> Mesh:
    """A grip and a head with one of several peens."""
    length, thick = d.real(0.8, 1.1), d.real(0.035, 0.055)
    head, half = d.real(0.16, 0.22), d.real(0.05, 0.08)
    neck = half * d.real(0.55, 0.8)
    face = lathe(
        polyline(
            (neck, 0),
            (neck, head * 0.4),
            (half, head * 0.6),
            (half, head * 0.95),
            (half * 0.9, head),
        ),
        32,
    ).turned("y", 90)
    parts = [grip(d, length, thick), face.moved(half * 0.8, 0, length)]
    parts.append(
        prism(rounded(2 * half, 1.9 * half, half * 0.3), 2 * half, half * 0.2).moved(
            z=length - half
        )
    )
    plan = d.choice(("claw", "ball", "same", "wedge"))
    if plan == "same":
        parts.append(face.turned("z", 180).moved(-half * 0.8, 0, length))
    elif plan == "ball":
        shape = profile(
            (neck, 0), (neck * 0.8, head * 0.4), (half * 0.9, head * 0.7), (0, head), steps=20
        )
        parts.append(lathe(shape, 28).turned("y", -90).moved(-half * 0.8, 0, length))
    elif plan == "wedge":
        wedge = loft(
            [(0, rounded(1.4 * half, 1.6 * half)), (head, rounded(0.3 * half, 1.8 * half))]
        )
        parts.append(wedge.turned("y", -90).moved(-half * 0.8, 0, length))
    else:
        line = resampled([(0, 0), (-head * 0.6, half * 0.1), (-head * 1.1, -half * 1.2)], 14)
        claw = prism(
            stroke(line, [half * (1.3 - 1.1 * i / 13) for i in range(14)]), half * 0.8
        ).turned("x", 90)
        parts += [
            claw.turned("z", 7.0 * s).moved(
                -half * 0.7, half * (0.4 + 0.5 * s), length + half * 0.1
            )
            for s in (-1, 1)
        ]
    return join(parts)


def wrench(d: Draw) -> Mesh:
    """A flat bar between jaws or rings."""
    length, w, thick = 1.0, d.real(0.06, 0.1), d.real(0.03, 0.05)
    parts = [
        prism(
            stroke(
                resampled([(0, 0), (length / 2, 0), (length, 0)], 9),
                [w * (1.2 - 0.5 * (1 - abs(i - 4) / 4)) for i in range(9)],
            ),
            thick,
            0,
        )
    ]
    jaw = d.real(1.1, 1.5) * w
    opening = d.real(28, 42)
    for at, turn, kind in ((length, 0.0, "open"), (0.0, 180.0, d.choice(("open", "ring")))):
        if kind == "open":
            arc = [(jaw * 1.0 * c[0], jaw * 1.0 * c[1]) for c in circle(1, 36)[4:33]]
            outer = resampled(arc, 28)
            head = prism(stroke(outer * 0.8, jaw * 0.62), thick * 1.4).turned(
                "z", turn + d.real(-18, 18) + opening * 0
            )
            parts.append(head.moved(at + (jaw * 0.9 if turn == 0 else -jaw * 0.9), 0, -thick * 0.2))
        else:
            eye = ring(jaw * 0.85, rounded(thick * 1.6, jaw * 0.5, thick * 0.2), 36)
            parts.append(eye.moved(at - jaw * 0.9, 0, thick / 2))
    return join(parts).turned("x", 90).turned("y", 90)


FAMILIES = (
    Family("Screwdriver", "08-04", screwdriver),
    Family("Hammer", "08-02", hammer),
    Family("Wrench", "08-05", wrench),
)
