"""09: further packages: tubes, closures, bins, crates, cans; caps as bottles have them."""

import numpy as np

from edgepatent_synthetic.draw import Draw
from edgepatent_synthetic.families.bottles import cap
from edgepatent_synthetic.families.family import Family
from edgepatent_synthetic.mesh import Mesh, join
from edgepatent_synthetic.outlines import circle, ellipse, polyline, rounded
from edgepatent_synthetic.solids import (
    box,
    lathe,
    loft,
    prism,
    ring,
    rod,
    smooth_path,
    tube,
)


def squeeze_tube(d: Draw) -> Mesh:
    """A tube with a flat seam, standing on its cap."""
    r, height = d.real(0.14, 0.22), d.real(0.7, 1.0)
    levels = np.linspace(0, 1, 10)
    body = loft(
        [(height * t, ellipse(r * (1 + 0.35 * t), r * (1 - t) + 0.008, 48)) for t in levels]
    )
    seam = box(2.7 * r, 0.016, 0.07).moved(z=height - 0.01)
    shoulder = lathe(polyline((r * 0.4, -0.07), (r, 0.0), (r * 0.9, 0.01)), 48)
    return join(
        body,
        seam,
        shoulder,
        cap(d, r * d.real(0.5, 1.0), d.real(0.12, 0.3)).scaled(z=-1).moved(z=-0.05),
    )


def closure(d: Draw) -> Mesh:
    """A cap alone: screw, flip-top, pump or stopper."""
    plan = d.choice(("screw", "flip", "pump", "stopper"))
    if plan == "screw":
        parts = [cap(d, 0.5, d.real(0.3, 0.7))]
        if d.chance(0.5):
            parts.append(ring(0.5, 0.03).moved(z=-0.06))
        return join(parts)
    if plan == "flip":
        tall = d.real(0.25, 0.55)
        parts = [
            prism(circle(0.5, 48), tall, 0.03),
            prism(circle(0.46, 48), 0.08, 0.02).moved(z=tall + 0.01),
        ]
        parts.append(box(0.2, 0.1, 0.05, 0.02).moved(0, -0.48, tall + 0.02))
        if d.chance(0.5):
            parts[1] = parts[1].moved(0, 0.46, 0).turned("x", -d.real(60, 110)).moved(0, 0.02, 0.0)
        return join(parts)
    if plan == "pump":
        head = d.real(0.28, 0.4)
        nozzle = tube(smooth_path([(0, 0, 0.95), (head, 0, 0.97), (head * 2, 0, 0.85)], 16), 0.07)
        return join(
            cap(d, 0.4, 0.35),
            rod((0, 0, 0.3), (0, 0, 0.9), 0.1),
            prism(circle(head * 0.8), 0.14, 0.04).moved(z=0.88),
            nozzle,
        )
    s = d.real(0.6, 0.9)
    return join(
        lathe(polyline((0.25 * s, 0), (0.3, 0.5), (0.42, 0.52), (0.42, 0.8), (0.0, 0.85))),
        [ring(0.27, 0.02).moved(z=z) for z in (0.15, 0.3)],
    )


def bin_(d: Draw) -> Mesh:
    """A refuse bin with lid, pedal or wheels."""
    x, y, z = d.real(0.4, 0.6), d.real(0.35, 0.6), d.real(0.7, 1.1)
    power = d.choice((2.0, 2.0, 6.0))
    taper = d.real(0.75, 1.0)
    low, high = ellipse(x / 2 * taper, y / 2 * taper, 48, power), ellipse(x / 2, y / 2, 48, power)
    parts = [loft([(0, low), (z, high)]), prism(high * 1.05, 0.05, 0.01).moved(z=z - 0.03)]
    if d.chance(0.6):
        dome = d.real(0.05, 0.25)
        parts.append(
            loft(
                [
                    (z + 0.02, high),
                    (z + 0.02 + dome * 0.7, high * 0.8),
                    (z + 0.02 + dome, high * 0.3),
                ]
            )
        )
    if d.chance(0.5):
        parts.append(box(x * 0.3, 0.14, 0.03, 0.01).moved(0, -y / 2, 0.04))
    else:
        parts += [
            rod((s * x * 0.3 - 0.03, y / 2, 0.06), (s * x * 0.3 + 0.03, y / 2, 0.06), 0.09)
            for s in (-1, 1)
        ]
        parts.append(
            rod((-x * 0.3, y / 2 + 0.05, z - 0.03), (x * 0.3, y / 2 + 0.05, z - 0.03), 0.02)
        )
    return join(parts)


def crate(d: Draw) -> Mesh:
    """A crate of slats or a basket with a grid."""
    x, y, z = d.real(0.7, 1.0), d.real(0.5, 0.7), d.real(0.3, 0.5)
    t = d.real(0.02, 0.035)
    rows = d.whole(2, 5)
    parts = [box(x, y, t)]
    slat = z / rows * d.real(0.45, 0.8)
    for i in range(rows):
        at = z * (i + 0.5) / rows
        parts += [box(x, t, slat).moved(0, s * y / 2, at) for s in (-1, 1)]
        parts += [box(t, y, slat).moved(s * x / 2, 0, at) for s in (-1, 1)]
    n = d.choice((2, 2, 3, 5))
    for px in np.linspace(-1, 1, n):
        parts += [
            box(t * 2, t * 2, z + slat).moved(px * (x / 2 - t), s * (y / 2 - t * 0.4))
            for s in (-1, 1)
        ]
    if d.chance(0.35):
        parts.append(
            tube(
                smooth_path(
                    [
                        (0, -y / 2, z),
                        (0, -y / 2 * 0.9, z * 1.9),
                        (0, 0, z * 2.2),
                        (0, y / 2 * 0.9, z * 1.9),
                        (0, y / 2, z),
                    ],
                    36,
                ),
                rounded(0.03, 0.05, 0.01),
            )
        )
    return join(parts)


def can(d: Draw) -> Mesh:
    """A drum, keg or watering can: a cylinder with hoops."""
    r, height = d.real(0.28, 0.4), d.real(0.6, 1.0)
    belly = d.real(1.0, 1.2)
    from_profile = np.array(
        [
            [r, 0],
            [r * (1 + belly) / 2, height * 0.25],
            [r * belly, height * 0.5],
            [r * (1 + belly) / 2, height * 0.75],
            [r, height],
        ]
    )
    parts = [lathe(from_profile, 48)]
    hoop = d.whole(2, 4)
    for i in range(hoop):
        t = (i + 0.5) / hoop
        wide = float(np.interp(t * height, from_profile[:, 1], from_profile[:, 0]))
        parts.append(ring(wide, 0.018).moved(z=t * height))
    parts += [ring(r, 0.022).moved(z=z) for z in (0, height)]
    plan = d.choice(("spout", "bung", "handle"))
    if plan == "spout":
        parts.append(
            tube(
                smooth_path(
                    [(r * 0.9, 0, height * 0.2), (r * 1.6, 0, height * 0.5), (r * 2.1, 0, height)],
                    20,
                ),
                0.05,
            )
        )
        parts.append(
            tube(
                smooth_path(
                    [
                        (-r, 0, height * 0.25),
                        (-r * 1.7, 0, height * 0.6),
                        (-r * 0.9, 0, height * 1.1),
                        (0, 0, height),
                    ],
                    28,
                ),
                0.03,
            )
        )
    elif plan == "bung":
        parts += [
            prism(circle(r * 0.16, 24), 0.05).moved(r * 0.55, 0, height),
            prism(circle(r * 0.1, 24), 0.05).moved(-r * 0.55, 0, height),
        ]
    else:
        parts.append(
            tube(
                smooth_path(
                    [
                        (-r, 0, height * 0.9),
                        (-r * 0.9, 0, height * 1.3),
                        (0, 0, height * 1.5),
                        (r * 0.9, 0, height * 1.3),
                        (r, 0, height * 0.9),
                    ],
                    36,
                ),
                0.018,
            )
        )
    return join(parts)


FAMILIES = (
    Family("Squeeze tube", "09-05", squeeze_tube),
    Family("Closure", "09-07", closure),
    Family("Bin", "09-09", bin_),
    Family("Crate", "09-04", crate),
    Family("Can", "09-02", can),
)
