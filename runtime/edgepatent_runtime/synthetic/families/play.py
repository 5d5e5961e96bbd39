"""17, 19 and 21: what is played with and written with."""

import numpy as np

from edgepatent_runtime.synthetic.draw import Draw
from edgepatent_runtime.synthetic.families.family import Family
from edgepatent_runtime.synthetic.mesh import Mesh, join
from edgepatent_runtime.synthetic.outlines import (
    circle,
    ellipse,
    polyline,
    profile,
    regular,
    resampled,
    rounded,
)
from edgepatent_runtime.synthetic.solids import (
    ball,
    box,
    lathe,
    loft,
    prism,
    ring,
    rod,
    skin,
    smooth_path,
    tube,
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


def pen(d: Draw) -> Mesh:
    """A pen or pencil: barrel, tip, clip."""
    r = d.real(0.03, 0.05)
    section = circle(r, 28) if d.chance(0.7) else regular(d.choice((3, 6, 6, 8)), r * 1.1)
    waist = d.real(0.75, 1.15)
    parts = [
        loft(
            [
                (0.14, section),
                (0.3, section * waist),
                (0.5, section),
                (0.95, section * d.real(0.8, 1.05)),
            ]
        )
    ]
    parts.append(lathe(polyline((0.003, 0), (0.008, 0.03), (r * 0.5, 0.05), (r * 0.95, 0.15)), 28))
    if d.chance(0.7):
        parts.append(box(0.02, 0.012, d.real(0.25, 0.36), 0.004).moved(0, -r - 0.014, 0.58))
        parts.append(box(0.02, 0.03, 0.02).moved(0, -r, 0.9))
    if d.chance(0.5):
        parts.append(rod((0, 0, 0.95), (0, 0, 1.03), r * 0.5))
    bands = d.whole(0, 5)
    parts += [ring(r * waist * 0.99, 0.006, 28).moved(z=0.2 + 0.025 * i) for i in range(bands)]
    return join(parts).turned("y", d.choice((0, 90)))


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


def dumbbell(d: Draw) -> Mesh:
    """A dumbbell or a kettlebell."""
    if d.chance(0.35):
        base = lathe(
            profile((0.22, 0), (0.36, 0.12), (0.4, 0.36), (0.25, 0.62), (0, 0.7), steps=30), 44
        )
        line = [
            (-0.18, 0, 0.55),
            (-0.3, 0, 0.85),
            (-0.2, 0, 1.05),
            (0.2, 0, 1.05),
            (0.3, 0, 0.85),
            (0.18, 0, 0.55),
        ]
        return join(base, tube(smooth_path(line, 36), d.real(0.05, 0.07)))
    plates, r = d.whole(1, 3), d.real(0.22, 0.34)
    outline = circle(r, 44) if d.chance(0.5) else regular(d.choice((6, 8, 12)), r)
    grip = (
        lathe(profile((0.05, 0), (0.065, 0.2), (0.05, 0.4), steps=12), 28)
        .turned("y", 90)
        .moved(-0.2)
    )
    parts = [grip, rod((-0.6, 0, 0), (0.6, 0, 0), 0.045)]
    for s in (-1, 1):
        at = 0.2
        for i in range(plates):
            thick = d.real(0.06, 0.18)
            plate = prism(outline * (1 - 0.14 * i), thick, 0.02).turned("y", 90)
            parts.append(plate.scaled(x=s).moved(s * at, 0, 0))
            at += thick
        parts.append(rod((s * at, 0, 0), (s * (at + 0.06), 0, 0), 0.08))
    return join(parts)


def racket(d: Draw) -> Mesh:
    """A racket with strings, or a bat."""
    if d.chance(0.3):
        shape = profile(
            (0.0, 0),
            (0.05, 0.01),
            (0.03, 0.06),
            (0.028, 0.3),
            (d.real(0.05, 0.07), 0.75),
            (0.06, 0.98),
            (0, 1.0),
            steps=40,
        )
        return lathe(shape, 32)
    a, b = d.real(0.2, 0.26), d.real(0.24, 0.34)
    hoop = np.column_stack([ellipse(a, b, 56, d.real(2, 2.6)), np.zeros(56)])
    parts = [tube(hoop, d.real(0.014, 0.024), 12, closed=True)]
    n = d.whole(6, 12)
    for i in range(1, n):
        t = 2 * i / n - 1
        x, y = a * t, b * t
        parts.append(
            rod((x, -b * np.sqrt(1 - t * t), 0), (x, b * np.sqrt(1 - t * t), 0), 0.003, None)
        )
        parts.append(
            rod(
                (-a * np.sqrt(1 - t * t), y, 0.004), (a * np.sqrt(1 - t * t), y, 0.004), 0.003, None
            )
        )
    parts += [rod((s * a * 0.55, -b * 0.84, 0), (0, -b - 0.2, 0), 0.016) for s in (-1, 1)]
    grip = prism(regular(8, 0.032), d.real(0.3, 0.4), 0.008).turned("x", 90).moved(0, -b - 0.16, 0)
    return join(parts, grip).turned("x", 90)


def book_stand(d: Draw) -> Mesh:
    """Office equipment: a stapler, a tape dispenser or a pen cup."""
    plan = d.choice(("stapler", "tape", "cup"))
    if plan == "stapler":
        side = resampled(
            [(0, 0.0), (0.02, d.real(0.1, 0.2)), (0.4, 0.2), (0.85, 0.15), (1.0, 0.03)], 16
        )
        arm = (
            prism(np.concatenate([[[0.98, 0.0]], side[::-1]])[::-1], 0.14)
            .turned("x", 90)
            .moved(0, 0.07, 0.13)
        )
        return join(
            arm,
            box(1.05, 0.17, 0.04, 0.03).moved(0.5),
            box(0.95, 0.1, 0.05).moved(0.5, 0, 0.09),
            rod((0.1, -0.08, 0.12), (0.1, 0.08, 0.12), 0.05),
        )
    if plan == "tape":
        body = (
            prism(
                polyline(
                    (-0.5, 0),
                    (0.6, 0),
                    (0.62, 0.3),
                    (0.3, 0.22),
                    (0.15, 0.35),
                    (-0.3, 0.35),
                    (-0.5, 0.25),
                ),
                0.3,
            )
            .turned("x", 90)
            .moved(0, 0.15)
        )
        return join(
            body,
            lathe(
                polyline(
                    (0.15, -0.1), (d.real(0.25, 0.32), -0.1), (0.3, 0.1), (0.15, 0.1), (0.15, -0.1)
                ),
                44,
            )
            .turned("x", 90)
            .moved(-0.1, 0, 0.38),
            rod((-0.1, -0.13, 0.38), (-0.1, 0.13, 0.38), 0.05),
        )
    o = d.choice((circle(0.3, 40), rounded(0.55, 0.5, 0.04), regular(6, 0.32)))
    inner = o * 0.92
    wall = np.stack(
        [
            np.column_stack([p, np.full(len(o), z)])
            for p, z in ((o, 0.0), (o * d.real(0.9, 1.1), 0.8), (inner, 0.8), (inner, 0.1))
        ]
    )
    return join(
        skin(wall),
        [
            rod((0.05 * i, 0.06 * (i % 2), 0.1), (0.12 * i, 0.1 * i, 1.1 + 0.1 * i), 0.025)
            for i in range(-1, d.whole(0, 2))
        ],
    )


FAMILIES = (
    Family("Guitar", "17-03", guitar),
    Family("Drum", "17-04", drum),
    Family("Pen", "19-06", pen),
    Family("Desk accessory", "19-02", book_stand),
    Family("Construction toy", "21-01", toy_blocks),
    Family("Toy figure", "21-01", figure),
    Family("Dumbbell", "21-02", dumbbell),
    Family("Racket", "21-02", racket),
)
