"""10: instruments with a dial. Clocks, watches and gauges share it."""

from edgepatent_synthetic.draw import Draw
from edgepatent_synthetic.families.family import Family
from edgepatent_synthetic.mesh import Mesh, join
from edgepatent_synthetic.outlines import (
    Points,
    circle,
    ellipse,
    polyline,
    regular,
    rounded,
    wavy,
)
from edgepatent_synthetic.solids import box, hoop, lathe, prism, rod, smooth_path, tube


def dial(d: Draw, r: float, hands: int) -> list[Mesh]:
    """Marks and hands on z = 0 within radius r; ``hands`` of them."""
    marks = d.choice((4, 12, 12, 60))
    style = d.choice(("bar", "dot"))
    parts = []
    for i in range(marks):
        long = 0.12 if marks < 60 or i % 5 == 0 else 0.05
        if style == "bar" or marks == 60:
            mark = box(r * 0.035 if marks < 60 else r * 0.02, r * long, 0.012).moved(
                0, r * (0.93 - long / 2)
            )
        else:
            mark = prism(circle(r * 0.045, 12), 0.012).moved(0, r * 0.85)
        parts.append(mark.turned("z", 360 * i / marks))
    taper = d.chance(0.5)
    for long, wide in ((0.5, 0.05), (0.75, 0.035), (0.82, 0.012))[:hands]:
        end = wide * (0.2 if taper else 1)
        hand = prism(
            polyline(
                (-wide * r, -0.15 * r),
                (wide * r, -0.15 * r),
                (end * r, long * r),
                (-end * r, long * r),
            ),
            0.016,
        )
        parts.append(hand.turned("z", d.real(0, 360)).moved(z=0.004))
    parts.append(prism(circle(r * 0.05, 16), 0.03))
    return parts


def case(d: Draw, r: float) -> Points:
    """The outline of a case around a dial of radius r."""
    plan = d.choice(("round", "round", "square", "cushion", "polygon", "scalloped"))
    if plan == "round":
        return circle(r, 48)
    if plan == "square":
        return rounded(2 * r, 2 * r, r * d.real(0.02, 0.3))
    if plan == "cushion":
        return ellipse(r, r * d.real(1.0, 1.25), 48, d.real(3, 5))
    if plan == "polygon":
        return regular(d.choice((6, 8, 12)), r * 1.06, 15)
    return wavy(r, d.whole(8, 16), 0.05, 128)


def clock(d: Draw) -> Mesh:
    """A wall, mantel or alarm clock."""
    r, thick = 0.5, d.real(0.08, 0.3)
    edge = d.real(0.04, 0.14)
    parts = [prism(case(d, r + edge), thick, d.choice((0.0, 0.03)))]
    bezel = hoop(r, r + edge * 0.5, 0.035, 56)
    parts.append(bezel.moved(z=thick - 0.005))
    parts += [p.moved(z=thick) for p in dial(d, r, d.whole(2, 3))]
    body = join(parts).turned("x", 90)
    plan = d.choice(("wall", "feet", "bells"))
    extra: list[Mesh] = []
    low = -(r + edge)
    if plan != "wall":
        extra += [
            rod((s * 0.28, -thick / 2, low * 0.8), (s * 0.36, -thick / 2, low - 0.1), 0.03)
            for s in (-1, 1)
        ]
    if plan == "bells":
        bell = lathe(polyline((0.16, 0), (0.14, 0.08), (0.06, 0.13), (0, 0.14)), 28)
        extra += [
            bell.turned("y", s * 30.0).moved(s * 0.3, -thick / 2, -low * 0.95) for s in (-1, 1)
        ]
        extra.append(
            tube(
                smooth_path(
                    [
                        (-0.3, -thick / 2, -low),
                        (0, -thick / 2, -low * 1.5),
                        (0.3, -thick / 2, -low),
                    ],
                    20,
                ),
                0.018,
            )
        )
    return join(body, extra)


def watch(d: Draw) -> Mesh:
    """A wrist watch: case, crown, strap or bracelet, closed or laid flat."""
    r, thick = 0.5, d.real(0.12, 0.24)
    outline = case(d, r * 1.12)
    parts = [prism(outline, thick, d.choice((0.0, 0.04)))]
    parts.append(hoop(r * 0.94, r * 1.03, 0.06).moved(z=thick - 0.01))
    parts += [p.moved(z=thick + 0.005) for p in dial(d, r * 0.92, d.whole(2, 3))]
    parts.append(prism(wavy(0.07, 12, 0.08, 72), 0.12).turned("y", 90).moved(r * 1.1, 0, thick / 2))
    if d.chance(0.4):
        parts += [
            rod((r * 0.95, s * 0.3, thick / 2), (r * 1.2, s * 0.34, thick / 2), 0.05)
            for s in (-1, 1)
        ]
    wide = d.real(0.32, 0.46)
    parts += [
        box(0.1, 0.2, thick * 0.7, 0.03).moved(sx * wide * 1.05, sy * r * 1.12, thick * 0.1)
        for sx in (-1, 1)
        for sy in (-1, 1)
    ]
    flat = d.chance(0.4)
    links = d.whole(7, 11)
    bracelet = d.chance(0.4)
    for s in (-1, 1):
        if flat and not bracelet:
            strap = prism(
                polyline((-wide, 0), (wide, 0), (wide * 0.75, 1.6), (0, 1.75), (-wide * 0.75, 1.6)),
                0.07,
            )
            parts.append(strap.scaled(y=s).moved(0, s * r * 1.1, 0.04))
            holes = prism(circle(0.04, 14), 0.01)
            parts += [holes.moved(0, s * (r + 0.7 + 0.16 * i), 0.107) for i in range(5) if s > 0]
        elif bracelet:
            for i in range(links):
                y, z = (
                    (r * 1.15 + 0.19 * i, 0.05)
                    if flat
                    else (r * 1.12 + 0.5 * (1 - (i / links - 0.2) ** 2 * 3) * 0.3, -0.16 * i)
                )
                link = box(2 * wide * (1 - 0.02 * i), 0.17, 0.09, 0.03)
                parts.append((link if flat else link.turned("x", 90)).moved(0, s * y, z))
        else:
            line = smooth_path(
                [
                    (0, s * r * 1.1, thick * 0.4),
                    (0, s * r * 1.45, -0.2),
                    (0, s * r * 1.3, -0.9),
                    (0, 0.02 * s, -1.25),
                ],
                28,
            )
            parts.append(tube(line, rounded(2 * wide * 0.9, 0.07, 0.03)))
    return join(parts).turned("x", 60 if not flat else 90)


def gauge(d: Draw) -> Mesh:
    """A measuring instrument: a dial on a stem, a caliper or a spirit level."""
    plan = d.choice(("dial", "caliper", "level"))
    if plan == "dial":
        parts = [prism(circle(0.5, 48), 0.2, 0.02), *[p.moved(z=0.2) for p in dial(d, 0.46, 1)]]
        parts.append(hoop(0.46, 0.52, 0.04).moved(z=0.2))
        parts.append(
            rod((0, -0.48, 0.1), (0, -0.48 - d.real(0.2, 0.9), 0.1), 0.07, d.real(0.02, 0.07))
        )
        parts.append(prism(regular(6, 0.13), 0.12).turned("x", 90).moved(0, -0.5, 0.1))
        return join(parts).turned("x", 90)
    if plan == "caliper":
        x, w = d.real(1.2, 1.6), 0.09
        beam = box(x, w, 0.03).moved(x / 2)
        jaw = prism(polyline((0, 0), (0.1, 0), (0.1, -0.35), (0.02, -0.4)), 0.03)
        nib = prism(polyline((0, 0), (0.08, 0), (0.0, 0.22)), 0.03)
        slide = d.real(0.2, 0.7)
        parts = [beam, jaw.scaled(x=-1).moved(0.1), nib.scaled(x=-1).moved(0.1)]
        parts += [
            box(0.4, w * 1.8, 0.05).moved(slide + 0.25, 0, -0.01),
            jaw.moved(slide),
            nib.moved(slide),
        ]
        parts += [
            box(0.006, w * 0.5, 0.006).moved(0.15 + i * 0.05, -w * 0.2, 0.03)
            for i in range(int(x / 0.05) - 3)
        ]
        if d.chance(0.5):
            parts += [
                prism(circle(0.15, 36), 0.06).moved(slide + 0.25, -0.02, 0.03),
                *[p.moved(slide + 0.25, -0.02, 0.09) for p in dial(d, 0.14, 1)],
            ]
        return join(parts).turned("x", 90)
    x, y, z = 1.4, d.real(0.08, 0.16), d.real(0.2, 0.32)
    parts = [box(x, y, z, 0.02)]
    for at in (-0.5, 0.0, 0.5)[:: d.choice((1, 2))]:
        parts.append(
            rod((at - 0.1, -y / 2 - 0.005, z * 0.6), (at + 0.1, -y / 2 - 0.005, z * 0.6), 0.045)
        )
        parts.append(
            prism(rounded(0.3, 0.16, 0.05), 0.01).turned("x", 90).moved(at, -y / 2, z * 0.6)
        )
    return join(parts)


FAMILIES = (
    Family("Clock", "10-01", clock),
    Family("Watch", "10-02", watch),
    Family("Measuring instrument", "10-04", gauge),
)
