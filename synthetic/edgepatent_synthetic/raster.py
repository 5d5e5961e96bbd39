"""A z-buffer in plain numpy: which face is seen at every pixel, and how far away.

Triangles are cut into pixel rows, rows into pixels, all at once with `numpy.repeat`; the nearest
face of every pixel is the minimum of a 64-bit key of (depth, face). Pineda's edge functions
(SIGGRAPH 1988) would visit whole bounding boxes; spans visit covered pixels only, which is what
makes this as fast as compiled code at these sizes.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgepatent_synthetic.camera import Projected
from edgepatent_synthetic.mesh import Floats, Ints, Mesh

BACKGROUND = -1
_FACE_BITS = 20
# Depth keys count quarter snaps: exact for the plane equations of snapped vertices, nearly.
_DEPTH_STEPS = 1024.0


@dataclass(frozen=True)
class Buffers:
    """What is seen at each pixel.

    ``face`` int32 [H, W]: the nearest face, −1 for none. ``plane`` float64 [F, 3]: each face's
    depth is plane · (x, y, 1) at pixel centres (x + 0.5, y + 0.5). ``behind`` bool [F]: the faces
    that turn their inside to the eye.
    """

    face: Ints
    plane: Floats
    behind: npt.NDArray[np.bool_]


def rasterise(mesh: Mesh, seen: Projected) -> Buffers:
    """Find the nearest face at every pixel centre.

    A closed mesh is drawn without the faces that turn away: the half of the work.
    """
    x, y, z = (a[mesh.faces] for a in (seen.x, seen.y, seen.depth))
    area = (x[:, 1] - x[:, 0]) * (y[:, 2] - y[:, 0]) - (x[:, 2] - x[:, 0]) * (y[:, 1] - y[:, 0])
    # y runs down, so that faces towards the eye have negative area.
    kept = np.flatnonzero(area < 0 if mesh.closed else area != 0)
    plane = np.zeros((len(mesh.faces), 3))
    plane[kept] = planes(x[kept], y[kept], z[kept], area[kept])
    key = np.full(seen.height * seen.width, np.iinfo(np.int64).max)
    pixel, values = _fragments(x[kept], y[kept], plane[kept], kept, seen.width)
    np.minimum.at(key, pixel, values)
    face = np.where(
        key == np.iinfo(np.int64).max, BACKGROUND, key & ((1 << _FACE_BITS) - 1)
    ).astype(np.int32)
    return Buffers(face.reshape(seen.height, seen.width), plane, area > 0)


def planes(x: Floats, y: Floats, z: Floats, area: Floats) -> Floats:
    """Coefficients [F, 3] of z = a·x + b·y + c through three corners [F, 3] each.

    ``area`` [F] is twice the signed area of each triangle in x and y, not 0.
    """
    dx1, dx2 = x[:, 1] - x[:, 0], x[:, 2] - x[:, 0]
    dy1, dy2 = y[:, 1] - y[:, 0], y[:, 2] - y[:, 0]
    dz1, dz2 = z[:, 1] - z[:, 0], z[:, 2] - z[:, 0]
    a = (dz1 * dy2 - dz2 * dy1) / area
    b = (dz2 * dx1 - dz1 * dx2) / area
    return np.column_stack([a, b, z[:, 0] - a * x[:, 0] - b * y[:, 0]])


def _fragments(
    x: Floats, y: Floats, plane: Floats, number: npt.NDArray[np.int64], width: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Flat pixel indices and keys of every pixel centre inside every triangle."""
    order = np.argsort(y, axis=1, kind="stable")
    x, y = np.take_along_axis(x, order, axis=1), np.take_along_axis(y, order, axis=1)
    first = np.ceil(y[:, 0] - 0.5).astype(np.int64)
    count = np.ceil(y[:, 2] - 0.5).astype(np.int64) - first
    triangle = np.repeat(np.arange(len(x)), count)
    row = np.arange(len(triangle)) + np.repeat(first - (np.cumsum(count) - count), count)
    centre = row + 0.5
    # Both triangles at an edge compute its crossings from the same numbers: no gaps, no doubles.
    slope = [_slope(x, y, i, j) for i, j in ((0, 2), (0, 1), (1, 2))]
    long = x[triangle, 0] + (centre - y[triangle, 0]) * slope[0][triangle]
    upper = centre < y[triangle, 1]
    start = np.where(upper, 0, 1)
    short = x[triangle, start] + (centre - y[triangle, start]) * np.where(
        upper, slope[1][triangle], slope[2][triangle]
    )
    left = np.ceil(np.minimum(long, short) - 0.5).astype(np.int64)
    length = np.ceil(np.maximum(long, short) - 0.5).astype(np.int64) - left
    real = length > 0
    triangle, row, left, length = triangle[real], row[real], left[real], length[real]
    before = np.cumsum(length) - length
    step = np.arange(int(length.sum()))
    pixel = step + np.repeat(row * width + left - before, length)
    a, b, c = plane[triangle].T
    at_start = (a * (left + 0.5) + b * (row + 0.5) + c) * _DEPTH_STEPS
    a = a * _DEPTH_STEPS
    depth = np.repeat(at_start - a * before, length) + np.repeat(a, length) * step
    key = (depth.astype(np.int64) << _FACE_BITS) | np.repeat(number[triangle], length)
    return pixel, key


def _slope(x: Floats, y: Floats, i: int, j: int) -> Floats:
    """dx/dy between corners i and j; 0 on level edges, which no row crosses."""
    rise = y[:, j] - y[:, i]
    return np.divide(x[:, j] - x[:, i], rise, out=np.zeros_like(rise), where=rise != 0)
