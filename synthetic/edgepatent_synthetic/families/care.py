"""24, 28 and 30: what people and animals are cared for with."""

from edgepatent_synthetic.draw import Draw
from edgepatent_synthetic.families.family import Family
from edgepatent_synthetic.families.vessels import hollow
from edgepatent_synthetic.mesh import Mesh, join
from edgepatent_synthetic.outlines import (
    circle,
    ellipse,
    polyline,
    profile,
    resampled,
    rounded,
)
from edgepatent_synthetic.solids import (
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
    Family("Grooming device", "28-03", razor),
    Family("Pet feeder", "30-03", feeder),
    Family("Medical instrument", "24-02", syringe),
)
