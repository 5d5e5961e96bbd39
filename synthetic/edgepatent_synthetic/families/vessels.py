"""07: hollow things turned on a wheel. Cups, bowls and pots share their wall and handles."""

import numpy as np

from edgepatent_synthetic.draw import Draw
from edgepatent_synthetic.families.family import Family
from edgepatent_synthetic.mesh import Mesh, join
from edgepatent_synthetic.outlines import Points, profile, rounded
from edgepatent_synthetic.solids import ball, lathe, ring, rod, smooth_path, tube


def hollow(outside: Points, wall: float, floor: float) -> Mesh:
    """A vessel with the outside [N, 2] as given, a wall and a floor of the given thickness."""
    inside = outside[outside[:, 1] > outside[0, 1] + floor][::-1].copy()
    inside[:, 0] = np.maximum(inside[:, 0] - wall, 0.01)
    start = np.array([[0, outside[0, 1]]])
    end = np.array([[0, inside[-1, 1]]])
    return lathe(np.concatenate([start, outside, inside, end]))


def side_handle(d: Draw, radius: float, low: float, high: float, thick: float) -> Mesh:
    """A handle on the right of a vessel, between two heights."""
    out = radius + d.real(0.45, 0.8) * (high - low)
    plan = d.choice(("loop", "ear", "square"))
    if plan == "loop":
        line = [
            (radius * 0.93, 0, high),
            (out * 0.9, 0, high),
            (out, 0, (low + high) / 2),
            (out * 0.9, 0, low),
            (radius * 0.93, 0, low),
        ]
    elif plan == "ear":
        line = [
            (radius * 0.93, 0, high * 0.97),
            (out * 0.85, 0, high * 1.03),
            (out, 0, high * 0.8),
            (radius * 0.9, 0, low),
        ]
    else:
        line = [
            (radius * 0.9, 0, high),
            (out * 0.8, 0, high),
            (out, 0, high),
            (out, 0, high * 0.95),
            (out, 0, low * 1.1),
            (out, 0, low),
            (out * 0.8, 0, low),
            (radius * 0.9, 0, low),
        ]
    section = rounded(thick * 2.2, thick * 1.1, thick * 0.5) if d.chance(0.5) else thick * 0.8
    return tube(smooth_path(line, 36), section)


def wall(d: Draw, radius: float, height: float, foot: float) -> Points:
    """The outside of a cup or pot: from a foot to a rim, both given."""
    belly = d.real(0.75, 1.25)
    bend = d.choice((2, 3, 3))
    if bend == 2:
        return profile((foot, 0), (radius, height), steps=8)
    return profile(
        (foot, 0),
        (foot + (radius - foot) * 0.3, height * 0.05),
        ((foot + radius) / 2 * belly, height * 0.45),
        (radius, height),
        steps=20,
    )


def cup(d: Draw) -> Mesh:
    """A cup with a handle, on a saucer or not."""
    radius, height = d.real(0.32, 0.5), d.real(0.6, 1.1)
    foot = radius * d.real(0.55, 1.0)
    body = hollow(wall(d, radius, height, foot), 0.03, 0.06)
    parts = [body]
    parts.append(side_handle(d, radius * 0.9, height * 0.25, height * 0.8, d.real(0.035, 0.06)))
    if d.chance(0.25):
        parts.append(
            lathe(profile((0, 0), (radius * 1.7, 0.0), (radius * 1.9, 0.1), steps=12)).moved(
                z=-0.12
            )
        )
    return join(parts)


def bowl(d: Draw) -> Mesh:
    """A bowl, plain, rimmed or with ears."""
    radius, height = 1.0, d.real(0.25, 0.8)
    foot = d.real(0.35, 0.6)
    outside = profile(
        (foot, 0), (foot, 0.05), (d.real(0.7, 0.95), height * 0.4), (radius, height), steps=24
    )
    body = hollow(outside, 0.04, 0.08)
    if d.chance(0.35):
        ear = side_handle(d, radius * 0.95, height * 0.6, height * 0.85, 0.05)
        return join(body, ear, ear.turned("z", 180))
    return join(body, ring(radius, 0.035).moved(z=height)) if d.chance(0.4) else body


def pot(d: Draw) -> Mesh:
    """A pot with a lid, two ears or a long handle."""
    radius, height = 0.6, d.real(0.35, 0.9)
    body = hollow(wall(d, radius, height, radius * d.real(0.8, 1.0)), 0.03, 0.05)
    parts = [body]
    if d.chance(0.7):
        dome = d.real(0.05, 0.25)
        lid = lathe(
            profile(
                (radius * 1.03, 0),
                (radius * 1.03, 0.03),
                (radius * 0.6, dome * 0.8),
                (0, dome),
                steps=20,
            )
        )
        parts.append(lid.moved(z=height))
        stem = d.real(0.03, 0.07)
        parts.append(rod((0, 0, height + dome - 0.02), (0, 0, height + dome + stem), 0.03))
        knob = ball(d.real(0.06, 0.1), 20).scaled(z=d.real(0.5, 1))
        parts.append(knob.moved(z=height + dome + stem + 0.02))
    if d.chance(0.45):
        length = d.real(0.7, 1.3)
        grip = rounded(0.12, 0.06, 0.03)
        parts.append(
            rod(
                (radius * 0.95, 0, height * 0.85),
                (radius + length, 0, height * d.real(0.85, 1.1)),
                grip,
            )
        )
    else:
        ear = tube(
            smooth_path(
                [
                    (radius * 0.95, -0.16, height * 0.8),
                    (radius + 0.14, -0.12, height * 0.82),
                    (radius + 0.14, 0.12, height * 0.82),
                    (radius * 0.95, 0.16, height * 0.8),
                ],
                24,
            ),
            d.real(0.02, 0.035),
        )
        parts += [ear, ear.turned("z", 180)]
    return join(parts)


FAMILIES = (
    Family("Cup", "07-01", cup),
    Family("Bowl", "07-01", bowl),
    Family("Cooking pot", "07-02", pot),
)
