"""21-01: toys of blocks and rounded limbs."""

from edgepatent_synthetic.draw import Draw
from edgepatent_synthetic.families.family import Family
from edgepatent_synthetic.mesh import Mesh, join
from edgepatent_synthetic.outlines import (
    circle,
    polyline,
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


def toy_blocks(d: Draw) -> Mesh:
    """A building brick with studs, a ring stacker or a die."""
    plan = d.choice(("brick", "stacker", "train"))
    if plan == "brick":
        nx, ny, height = d.whole(1, 6), d.whole(1, 3), d.choice((0.4, 1.1, 1.1)) * d.real(0.8, 1.2)
        stud = prism(circle(d.real(0.24, 0.38), 24), d.real(0.12, 0.3))
        body = box(nx, ny, height, d.real(0.0, 0.15))
        if d.chance(0.3):
            body = loft([(0, rounded(nx, ny)), (height, rounded(nx * 0.5, ny))])
            nx_top = max(1, nx // 2)
        else:
            nx_top = nx
        return join(
            body,
            [
                stud.moved(i - (nx_top - 1) / 2, j - (ny - 1) / 2, height)
                for i in range(nx_top)
                for j in range(ny)
            ],
        )
    if plan == "stacker":
        n = d.whole(3, 6)
        parts = [
            prism(circle(d.real(0.42, 0.6)), d.real(0.08, 0.2), 0.04),
            rod((0, 0, 0.1), (0, 0, 0.2 * n + 0.3), 0.07),
        ]
        parts += [ring(0.34 - 0.2 * i / n, 0.1, 40).moved(z=0.22 + 0.195 * i) for i in range(n)]
        return join(parts, ball(0.12, 20).moved(z=0.2 * n + 0.32))
    wheel = rod((0, -0.06, 0), (0, 0.06, 0), 0.16)
    parts = [box(1.2, 0.5, 0.14, 0.03).moved(z=0.14), rod((-0.5, 0, 0.52), (0.2, 0, 0.52), 0.24)]
    parts += [
        box(0.4, 0.5, d.real(0.5, 0.8), 0.02).moved(0.38, 0, 0.28),
        box(0.5, 0.6, 0.06, 0.02).moved(0.38, 0, d.real(0.8, 1.05)),
    ]
    parts += [
        lathe(polyline((0.06, 0), (0.06, 0.25), (d.real(0.06, 0.13), 0.36)), 24).moved(
            -0.36, 0, 0.7
        )
    ]
    parts += [
        wheel.moved(x, s * 0.28, 0.16)
        for x in (-0.42, 0.0, 0.42)[:: d.choice((1, 2))]
        for s in (-1, 1)
    ]
    return join(parts)


def figure(d: Draw) -> Mesh:
    """A doll or an animal of rounded limbs."""
    round_ = d.real(0.8, 1.2)
    body = (
        ball(0.3, 32).scaled(x=d.real(0.8, 1.1), y=d.real(0.7, 1), z=d.real(1.0, 1.4)).moved(z=0.45)
    )
    head = ball(d.real(0.2, 0.3) * round_, 32).moved(z=1.0)
    parts = [body, head]
    limb = d.real(0.07, 0.11)
    for s in (-1, 1):
        parts.append(
            tube(
                smooth_path(
                    [(s * 0.2, 0, 0.65), (s * 0.36, -0.06, 0.55), (s * 0.44, -0.14, 0.4)], 12
                ),
                limb * 0.9,
            )
        )
        parts.append(ball(limb * 1.05, 20).moved(s * 0.45, -0.15, 0.38))
        parts.append(
            tube(
                smooth_path(
                    [(s * 0.14, 0, 0.25), (s * 0.2, -0.12, 0.12), (s * 0.22, -0.28, 0.1)], 12
                ),
                limb,
            )
        )
        parts.append(ball(limb * 1.3, 20).moved(s * 0.22, -0.3, 0.11))
        parts.append(ball(0.03, 12).moved(s * 0.09, -0.24 * round_, 1.05))
    ears = d.choice(("round", "long", "none", "pointed"))
    for s in (-1, 1):
        if ears == "round":
            parts.append(ball(0.1, 20).scaled(y=0.5).moved(s * 0.2, 0, 1.22))
        elif ears == "long":
            parts.append(
                ball(0.09, 20).scaled(y=0.4, z=3.0).turned("y", s * 12).moved(s * 0.12, 0, 1.42)
            )
        elif ears == "pointed":
            parts.append(rod((s * 0.12, 0, 1.15), (s * 0.22, 0, 1.42), 0.1, 0.01))
    parts.append(
        ball(0.06 if ears != "none" else 0.03, 16).scaled(z=0.7).moved(0, -0.24 * round_, 0.96)
    )
    return join(parts)


FAMILIES = (
    Family("Construction toy", "21-01", toy_blocks),
    Family("Toy figure", "21-01", figure),
)
