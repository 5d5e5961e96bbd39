"""Plane outlines and profiles: float64 [N, 2], counter-clockwise, the first point not repeated."""

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]


def circle(radius: float, count: int = 56) -> Points:
    """A circle about the origin."""
    t = np.arange(count) * (2 * np.pi / count)
    outline: Points = radius * np.column_stack([np.cos(t), np.sin(t)])
    return outline


def ellipse(x: float, y: float, count: int = 56, power: float = 2.0) -> Points:
    """A (super)ellipse with half axes x and y; a power above 2 squares it."""
    unit = circle(1, count)
    outline: Points = np.sign(unit) * np.abs(unit) ** (2 / power) * np.array([x, y])
    return outline


def rounded(x: float, y: float, radius: float = 0.0, steps: int = 6) -> Points:
    """A rectangle x by y about the origin with rounded corners."""
    radius = min(radius, x / 2.001, y / 2.001)
    if radius <= 0:
        return np.array([[x, -y], [x, y], [-x, y], [-x, -y]], np.float64) / 2
    t = np.radians(np.linspace(-90, 0, steps)[None, :] + 90.0 * np.arange(4)[:, None])
    arcs = radius * np.stack([np.cos(t), np.sin(t)], axis=-1)
    signs = np.array([[1, -1], [1, 1], [-1, 1], [-1, -1]])[:, None, :]
    outline: Points = (arcs + signs * np.array([x / 2 - radius, y / 2 - radius])).reshape(-1, 2)
    return outline


def regular(sides: int, radius: float, turn: float = 0.0) -> Points:
    """A regular polygon, turned by degrees."""
    t = np.arange(sides) * (2 * np.pi / sides) + np.radians(turn)
    return radius * np.column_stack([np.cos(t), np.sin(t)])


def wavy(radius: float, waves: int, depth: float, count: int = 96) -> Points:
    """A circle whose radius swings by ``depth`` (a share of it) ``waves`` times."""
    t = np.arange(count) * (2 * np.pi / count)
    r = radius * (1 + depth * np.cos(waves * t))
    return np.column_stack([r * np.cos(t), r * np.sin(t)])


def resampled(points: npt.ArrayLike, count: int) -> Points:
    """A Catmull-Rom curve [count, D] through points [P, D], ends included."""
    p = np.asarray(points, np.float64)
    p = np.concatenate([2 * p[:1] - p[1:2], p, 2 * p[-1:] - p[-2:-1]])
    t = np.linspace(0, len(p) - 3, count)
    i = np.minimum(t.astype(int), len(p) - 4)
    u = (t - i)[:, None]
    a, b, c, d = p[i], p[i + 1], p[i + 2], p[i + 3]
    curve: Points = 0.5 * (
        2 * b + (c - a) * u + (2 * a - 5 * b + 4 * c - d) * u**2 + (3 * b - a - 3 * c + d) * u**3
    )
    return curve


def profile(*points: tuple[float, float], steps: int = 24) -> Points:
    """A smooth profile [steps, 2] of (radius, height) through the points; no negative radius."""
    curve = resampled(points, steps)
    curve[:, 0] = np.maximum(curve[:, 0], 0)
    return curve


def polyline(*points: tuple[float, float]) -> Points:
    """An outline or profile with the corners as given."""
    return np.array(points, np.float64)


def stroke(centre: Points, width: npt.ArrayLike) -> Points:
    """The outline of a stroke along an open centre line [P, 2], of one width or one a point."""
    direction = np.gradient(centre, axis=0)
    direction /= np.maximum(np.sqrt((direction**2).sum(axis=1, keepdims=True)), 1e-12)
    normal = np.column_stack([-direction[:, 1], direction[:, 0]])
    half = np.broadcast_to(np.asarray(width, np.float64), (len(centre),))[:, None] / 2
    return np.concatenate([centre - normal * half, (centre + normal * half)[::-1]])


def signed_area(outline: Points) -> float:
    """Positive for a counter-clockwise outline."""
    x, y = outline[:, 0], outline[:, 1]
    return float((x * np.roll(y, -1) - y * np.roll(x, -1)).sum() / 2)


def triangulated(outline: Points) -> npt.NDArray[np.int64]:
    """Triangles int64 [N − 2, 3] of a simple polygon: a fan where convex, else by ear clipping."""
    n = len(outline)
    index = np.arange(n)
    if signed_area(outline) < 0:
        index = index[::-1]
    p = outline[index]
    before, after = np.roll(p, 1, axis=0), np.roll(p, -1, axis=0)
    turn = _cross(p - before, after - p)
    if (turn >= -1e-12).all():
        fan = np.column_stack([np.zeros(n - 2, int), np.arange(1, n - 1), np.arange(2, n)])
        convex: npt.NDArray[np.int64] = index[fan]
        return convex
    left = list(range(n))
    ears = []
    while len(left) > 3:
        for k in range(len(left)):
            i, j, m = left[k - 1], left[k], left[(k + 1) % len(left)]
            a, b, c = p[i], p[j], p[m]
            if _cross(b - a, c - b) <= 1e-14:
                continue
            others = p[[o for o in left if o not in (i, j, m)]]
            inside = (
                (_cross(b - a, others - a) >= 0)
                & (_cross(c - b, others - b) >= 0)
                & (_cross(a - c, others - c) >= 0)
            )
            if not inside.any():
                break
        else:
            # Rounding left no clean ear: cut any corner rather than loop for ever.
            k = 0
            i, j, m = left[k - 1], left[k], left[k + 1]
        ears.append((i, j, m))
        left.pop(k)
    ears.append((left[0], left[1], left[2]))
    cut: npt.NDArray[np.int64] = index[np.array(ears)]
    return cut


def _cross(a: Points, b: Points) -> Points:
    result: Points = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    return result
