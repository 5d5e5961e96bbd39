"""What is left of a house: beds, mirrors, hangers, vases, plugs, ladders, razors, feeders."""

import numpy as np

from edgepatent_runtime.synthetic.draw import Draw
from edgepatent_runtime.synthetic.families.family import Family
from edgepatent_runtime.synthetic.families.legs import legs
from edgepatent_runtime.synthetic.families.seats import cushion
from edgepatent_runtime.synthetic.families.vessels import hollow
from edgepatent_runtime.synthetic.mesh import Mesh, join
from edgepatent_runtime.synthetic.outlines import (
    circle,
    ellipse,
    polyline,
    profile,
    regular,
    resampled,
    rounded,
    wavy,
)
from edgepatent_runtime.synthetic.solids import (
    ball,
    box,
    lathe,
    loft,
    prism,
    ring,
    rod,
    smooth_path,
    tube,
)


def bed(d: Draw) -> Mesh:
    """A bed: frame, mattress, headboard, pillows."""
    x, y, low = d.real(0.9, 1.8), 2.0, d.real(0.2, 0.35)
    parts = [
        box(x, y, 0.12, 0.02).moved(z=low),
        cushion(x * 0.96, y * 0.96, 0.22, d.real(0.2, 0.6)).moved(z=low + 0.1),
    ]
    high = d.real(0.5, 0.9)
    plan = d.choice(("panel", "bars", "arch"))
    if plan == "panel":
        parts.append(
            prism(rounded(x * 1.05, high, d.real(0, 0.2)), 0.07, 0.015)
            .turned("x", 90)
            .moved(0, y / 2 + 0.07, low + high / 2)
        )
    elif plan == "bars":
        parts += [
            rod((s * x / 2, y / 2, 0), (s * x / 2, y / 2, low + high), 0.035) for s in (-1, 1)
        ]
        parts += [
            rod((-x / 2, y / 2, low + high * t), (x / 2, y / 2, low + high * t), 0.025)
            for t in (0.4, 0.92)
        ]
        parts += [
            rod((t * x, y / 2, low + high * 0.4), (t * x, y / 2, low + high * 0.92), 0.014)
            for t in np.linspace(-0.42, 0.42, d.whole(4, 9))
        ]
    else:
        arch = [
            (-x / 2, y / 2, low),
            (-x / 2, y / 2, low + high * 0.6),
            (0, y / 2, low + high),
            (x / 2, y / 2, low + high * 0.6),
            (x / 2, y / 2, low),
        ]
        parts.append(tube(smooth_path(arch, 36), rounded(0.06, 0.1, 0.02)))
    pillows = 1 if x < 1.2 else 2
    parts += [
        cushion(x / pillows * 0.8, 0.4, 0.14, 0.9).moved(
            (i - (pillows - 1) / 2) * x / pillows, y * 0.37, low + 0.3
        )
        for i in range(pillows)
    ]
    parts.append(legs(d, x, y, low, 1.6))
    return join(parts)


def mirror(d: Draw) -> Mesh:
    """A framed mirror or picture frame, on the wall or on a foot."""
    x, z, w = d.real(0.5, 0.8), d.real(0.6, 1.2), d.real(0.04, 0.12)
    power = d.choice((2.0, 2.5, 40.0, 40.0))
    line = ellipse(x / 2, z / 2, 64, power)
    section = d.choice((rounded(w, 0.05, 0.0), rounded(w, 0.06, 0.02), circle(w / 2, 14)))
    frame = tube(np.column_stack([line[:, 0], np.zeros(64), line[:, 1]]), section, closed=True)
    parts = [frame, prism(line, 0.01).turned("x", 90)]
    if d.chance(0.4):
        n = d.whole(10, 24)
        beads = ball(w * 0.35, 12)
        parts += [beads.moved(px, -0.03, pz) for px, pz in ellipse(x / 2, z / 2, n, power)]
    if d.chance(0.4):
        foot = z / 2 + w
        parts += [
            rod((0, 0.02, -foot), (0, 0.02, -z / 2), 0.03),
            prism(ellipse(0.25, 0.16), 0.03, 0.01).moved(0, 0.02, -foot),
        ]
    return join(parts)


def hanger(d: Draw) -> Mesh:
    """A clothes hanger: hook, shoulders, bar."""
    half, drop, t = d.real(0.42, 0.5), d.real(0.12, 0.25), d.real(0.012, 0.03)
    flat = rounded(t, t * d.real(1, 3), t * 0.3)
    arms = [
        (-half, 0, -drop),
        (-half * 0.5, 0, -drop * 0.4),
        (0, 0, 0.02),
        (half * 0.5, 0, -drop * 0.4),
        (half, 0, -drop),
    ]
    parts = [tube(smooth_path(arms, 36), flat)]
    r = d.real(0.05, 0.075)
    hook = [
        (0, 0, 0),
        (0, 0, 0.1),
        (r, 0, 0.1 + r * 0.9),
        (0, 0, 0.1 + 2 * r),
        (-r, 0, 0.1 + r * 1.2),
    ]
    parts.append(tube(smooth_path(hook, 32), 0.012))
    plan = d.choice(("bar", "clips", "none"))
    if plan == "bar":
        parts.append(rod((-half, 0, -drop), (half, 0, -drop), t * 0.6))
    elif plan == "clips":
        parts.append(rod((-half, 0, -drop), (half, 0, -drop), 0.008))
        parts += [
            box(0.07, 0.04, 0.12, 0.01).moved(s * half * 0.75, 0, -drop - 0.09) for s in (-1, 1)
        ]
    return join(parts)


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


def plug(d: Draw) -> Mesh:
    """A mains plug, a socket strip or a charger."""
    plan = d.choice(("plug", "strip", "charger"))
    if plan == "strip":
        n = d.whole(2, 6)
        body = box(0.3 * n + 0.2, 0.34, 0.16, d.real(0.02, 0.16), 0.02)
        hole = prism(circle(0.11, 32), 0.01)
        pins = [prism(circle(0.02, 12), 0.016).moved(s * 0.045) for s in (-1, 1)]
        outlets = [
            join(hole, pins).turned("z", 45 * (n > 3)).moved((i - (n - 1) / 2) * 0.3, 0, 0.158)
            for i in range(n)
        ]
        cord = tube(
            smooth_path(
                [
                    (-0.15 * n - 0.08, 0, 0.08),
                    (-0.15 * n - 0.4, 0, 0.06),
                    (-0.15 * n - 0.7, 0.2, 0.05),
                ],
                16,
            ),
            0.04,
        )
        return join(body, outlets, cord)
    x, z = d.real(0.3, 0.5), d.real(0.3, 0.5)
    body = loft(
        [
            (0, rounded(x, z, 0.06)),
            (0.25, rounded(x, z, 0.06)),
            (d.real(0.35, 0.6), rounded(x * d.real(0.4, 0.9), z * d.real(0.4, 0.9), 0.05)),
        ]
    )
    flat = d.chance(0.5)
    pin = box(0.05, 0.015, 0.22) if flat else rod((0, 0, 0), (0, 0, 0.25), 0.028)
    parts = [
        body,
        *[(pin.turned("z", 90) if flat else pin).scaled(z=-1).moved(s * x * 0.22) for s in (-1, 1)],
    ]
    if d.chance(0.4):
        parts.append(rod((0, z * 0.25, -0.26), (0, z * 0.25, 0), 0.03))
    if plan == "plug":
        parts.append(
            tube(smooth_path([(0, 0, 0.3), (0, 0, 0.7), (0.1, 0, 1.0)], 16), 0.05).as_environment()
        )
    else:
        parts += [box(0.03, 0.1, 0.012).turned("x", 0).moved(s * 0.07, 0, 0.6) for s in (-1, 1)]
    return join(parts).turned("x", 90)


def ladder(d: Draw) -> Mesh:
    """A ladder or a step stool."""
    wide, height, n = d.real(0.35, 0.5), d.real(0.8, 2.0), d.whole(3, 8)
    t = d.real(0.02, 0.035)
    lean = d.real(0.1, 0.25)
    section = rounded(t * 1.2, t * 2.4, t * 0.2)
    flat = d.chance(0.5)
    taper = d.real(0.8, 1.0)
    parts = []
    sides = [1.0, -1.0] if d.chance(0.7) else [1.0]
    for dy in sides:
        parts += [
            rod((s * wide / 2, -dy * lean * height, 0), (s * wide / 2 * taper, 0, height), section)
            for s in (-1, 1)
        ]
    for i in range(n):
        z = height * (i + 0.7) / n if len(sides) == 1 else height * (i + 1) / n
        half = wide / 2 * (1 - (1 - taper) * z / height)
        y = -lean * (height - z)
        step = (
            box(2 * half, t * 4, t, 0).moved(0, y, z - t)
            if flat
            else rod((-half, y, z), (half, y, z), t * 0.7)
        )
        parts.append(step)
    if len(sides) == 2:
        parts.append(
            rod(
                (-wide / 2, lean * height * 0.6, height * 0.4),
                (wide / 2, lean * height * 0.6, height * 0.4),
                t * 0.6,
            )
        )
        if d.chance(0.5):
            parts.append(box(wide * taper * 1.1, 0.2, 0.03, 0.01).moved(z=height))
    return join(parts)


def razor(d: Draw) -> Mesh:
    """A razor or an electric shaver or a hair dryer."""
    plan = d.choice(("razor", "shaver", "dryer"))
    if plan == "razor":
        line = smooth_path(
            [(0, 0, 0), (0, -0.05, 0.4), (0, d.real(-0.05, 0.1), 0.8), (0, 0.02, 1.0)], 24
        )
        section = ellipse(d.real(0.05, 0.08), 0.045, 20)
        head = box(d.real(0.34, 0.44), 0.1, d.real(0.1, 0.15), 0.02, 0.02)
        blades = [
            box(0.32, 0.012, 0.012).moved(0, -0.055, 0.02 + 0.03 * i) for i in range(d.whole(2, 3))
        ]
        ribs = [
            ring(0.065, 0.01, 24).scaled(y=0.8).moved(0, -0.05, 0.3 + 0.05 * i)
            for i in range(d.whole(0, 5))
        ]
        return join(
            tube(line, section), join(head, blades).turned("x", -20).moved(0, 0.02, 0.98), ribs
        )
    if plan == "shaver":
        sections = resampled(
            [(d.real(0.6, 0.9), 0), (1.0, 0.3), (d.real(0.7, 0.95), 0.65), (1.1, 1)], 12
        )
        body = loft([(t * 0.9, ellipse(0.16 * s, 0.12 * s, 40, 2.6)) for s, t in sections])
        heads = [
            prism(circle(0.1, 32), 0.08, 0.02).moved(x, y, 0.92)
            for x, y in circle(0.12, d.whole(1, 3))
        ]
        return join(
            body, heads, prism(circle(0.04, 20), 0.03).turned("x", 90).moved(0, -0.11, 0.55)
        )
    r = d.real(0.14, 0.2)
    barrel = lathe(
        profile((r * 0.6, 0), (r, 0.1), (r, 0.3), (r * 0.7, d.real(0.5, 0.8)), steps=20), 40
    ).turned("y", 90)
    handle = tube(
        smooth_path([(0.2, 0, -r * 0.6), (0.17, 0, -0.4), (0.12, 0, -0.7)], 14),
        ellipse(0.06, 0.08, 24),
    )
    nozzle = lathe(polyline((r * 0.65, 0), (r * 0.72, 0.1)), 36).turned("y", 90).moved(0.7)
    grille = [ring(r * 0.5 * k, 0.012, 28).turned("y", 90) for k in (0.3, 0.65, 1.0)]
    keys = [
        box(0.03, 0.05, 0.07, 0.01).moved(0.22, 0, -0.3 - 0.1 * i) for i in range(d.whole(1, 2))
    ]
    return join(barrel, handle, nozzle, grille, keys)


def feeder(d: Draw) -> Mesh:
    """A bowl, fountain or feeder for pets."""
    r, height = 0.5, d.real(0.15, 0.3)
    flare = d.real(0.6, 1.3)
    outside = polyline((r * flare, 0), (r, height))
    bowl = hollow(outside, 0.06, 0.04)
    plan = d.choice(("bowl", "pair", "tower"))
    if plan == "bowl":
        return join(bowl, [ring(r * flare, 0.03).moved(z=0.01)] if d.chance(0.5) else [])
    if plan == "pair":
        tray = box(2.3, 1.2, 0.3, d.real(0.05, 0.55), 0.02)
        return join(tray, [bowl.scaled(0.9, 0.9, 0.5).moved(s * 0.55, 0, 0.25) for s in (-1, 1)])
    tank = loft(
        [(0, rounded(0.6, 0.6, 0.1)), (0.8, rounded(0.7, 0.7, 0.1)), (0.9, rounded(0.5, 0.5, 0.1))]
    )
    return join(
        bowl.moved(0, -0.3),
        tank.moved(0, 0.25, 0.12),
        box(0.75, 0.75, 0.14, 0.12).moved(0, 0.25),
        prism(circle(0.2), 0.08, 0.02).moved(0, 0.25, 1.02),
    )


def syringe(d: Draw) -> Mesh:
    """A syringe, a thermometer or an inhaler: instruments of the doctor."""
    plan = d.choice(("syringe", "thermometer", "stethoscope"))
    if plan == "syringe":
        r, out = d.real(0.06, 0.1), d.real(0.1, 0.45)
        parts = [
            rod((0, 0, 0), (0, 0, 0.7), r),
            lathe(polyline((r, 0), (r * 0.3, -0.04), (r * 0.25, -0.12)), 28),
        ]
        parts += [
            rod((0, 0, -0.45), (0, 0, -0.1), 0.006, None),
            prism(ellipse(r * 2.4, r * 1.1), 0.025).moved(z=0.7),
        ]
        parts += [
            box(r * 0.7, r * 0.25, out).moved(z=0.72),
            box(r * 0.25, r * 0.7, out).moved(z=0.72),
            prism(circle(r * 1.1), 0.03).moved(z=0.72 + out),
        ]
        parts += [
            box(0.04 if i % 5 else 0.07, 0.01, 0.005).moved(0, -r, 0.06 + 0.055 * i)
            for i in range(d.whole(6, 11))
        ]
        return join(parts)
    if plan == "thermometer":
        w = d.real(0.07, 0.11)
        body = loft(
            [
                (0, rounded(0.03, 0.03, 0.014)),
                (0.3, rounded(0.05, 0.04, 0.019)),
                (0.5, rounded(2 * w, 0.07, 0.03)),
                (1.0, rounded(2 * w, 0.08, 0.03)),
            ]
        )
        return join(
            body,
            box(w * 1.3, 0.012, 0.2, 0.0).moved(0, -0.04, 0.6),
            prism(circle(0.03, 20), 0.02).turned("x", 90).moved(0, -0.035, 0.88),
        )
    t = 0.02
    parts = [
        tube(
            smooth_path(
                [(s * 0.14, 0, 1.0), (s * 0.2, 0, 0.8), (s * 0.12, 0, 0.55), (0, 0, 0.4)], 24
            ),
            t,
        )
        for s in (-1, 1)
    ]
    parts += [ball(0.035, 16).moved(s * 0.135, 0, 1.02) for s in (-1, 1)]
    parts.append(
        tube(
            smooth_path([(0, 0, 0.42), (0, 0, 0.15), (0.2, 0, -0.1), (0.1, -0.05, -0.35)], 28),
            t * 1.2,
        )
    )
    disc = d.real(0.09, 0.13)
    return join(
        parts, prism(circle(disc, 36), 0.05, 0.015).turned("x", 70).moved(0.1, -0.07, -0.42)
    )


FAMILIES = (
    Family("Bed", "06-02", bed),
    Family("Mirror", "06-07", mirror),
    Family("Clothes hanger", "06-08", hanger),
    Family("Vase", "11-02", vase),
    Family("Finger ring", "11-01", finger_ring),
    Family("Plug", "13-03", plug),
    Family("Ladder", "25-04", ladder),
    Family("Grooming device", "28-03", razor),
    Family("Pet feeder", "30-03", feeder),
    Family("Medical instrument", "24-02", syringe),
)
