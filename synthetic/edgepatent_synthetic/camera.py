"""Views of a design as patents name them, and the projection of its vertices."""

from dataclasses import dataclass

import numpy as np

from edgepatent_synthetic.mesh import Floats, Mesh


@dataclass(frozen=True)
class View:
    """A direction to look from.

    ``azimuth`` turns to the right of the front (degrees; 90 sees the right side), ``elevation``
    rises from level to the top (90). ``distance`` is that of the eye in radii of the design, None
    for an orthographic projection. ``roll`` turns the figure on its sheet, counter-clockwise.
    """

    name: str
    azimuth: float
    elevation: float
    distance: float | None = None
    roll: float = 0.0


ORTHOGRAPHIC = (
    View("front view", 0, 0),
    View("rear view", 180, 0),
    View("left side view", -90, 0),
    View("right side view", 90, 0),
    View("top view", 0, 90),
    View("bottom view", 0, -90),
)


@dataclass(frozen=True)
class Projected:
    """Vertices in pixels: ``x``, ``y`` [V] (y down) and ``depth`` [V] (larger is further away).

    ``width``, ``height``: the picture that holds them all with ``margin``; depth has the scale
    of x and y.
    """

    x: Floats
    y: Floats
    depth: Floats
    width: int
    height: int


# Coordinates are rounded to this share of a pixel, so that the last bits of sines and square
# roots, in which processors differ, change no pixel.
SNAP = 64


def project(mesh: Mesh, view: View, size: int, margin: int = 6) -> Projected:
    """Project a mesh so that its longest side would be ``size`` pixels long."""
    low, high = mesh.bounds()
    v = mesh.vertices.astype(np.float64) - (low.astype(np.float64) + high) / 2
    radius = np.sqrt((v * v).sum(axis=1).max())
    v /= max(radius, 1e-9)
    az, el, roll = (float(np.radians(a)) for a in (view.azimuth, view.elevation, view.roll))
    right = np.array([np.cos(az), np.sin(az), 0.0])
    eye = np.array([np.sin(az) * np.cos(el), -np.cos(az) * np.cos(el), np.sin(el)])
    up = np.array(
        [
            eye[1] * right[2] - eye[2] * right[1],
            eye[2] * right[0] - eye[0] * right[2],
            eye[0] * right[1] - eye[1] * right[0],
        ]
    )
    x, y, depth = (_dot(v, axis) for axis in (right, up, -eye))
    if view.distance is not None:
        scale = view.distance / (view.distance + depth)
        x, y = x * scale, y * scale
        # A projective depth keeps planes plane, as the rasteriser assumes.
        depth = depth * scale
    if view.roll:
        c, s = np.cos(roll), np.sin(roll)
        x, y = c * x - s * y, s * x + c * y
    y = -y
    extent = max(float(np.ptp(x)), float(np.ptp(y)), 1e-6)
    # Views of one design share a scale, but no view is drawn smaller than a third of the largest.
    longest = float((high.astype(np.float64) - low).max()) / max(radius, 1e-9)
    factor = size / max(extent, longest) if extent > longest / 3 else size / (3 * extent)
    x = np.rint(((x - x.min()) * factor + margin) * SNAP) / SNAP
    y = np.rint(((y - y.min()) * factor + margin) * SNAP) / SNAP
    depth = np.rint(depth * factor * SNAP) / SNAP
    width, height = int(np.ceil(x.max())) + margin, int(np.ceil(y.max())) + margin
    return Projected(x, y, depth, width, height)


def _dot(v: Floats, axis: Floats) -> Floats:
    """v [V, 3] · axis [3], written out so that every processor rounds alike."""
    result: Floats = v[:, 0] * axis[0] + v[:, 1] * axis[1] + v[:, 2] * axis[2]
    return result
