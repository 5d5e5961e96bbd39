"""Ink where a draughtsman puts it: outlines, creases, borders of parts; whole or broken."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from edgepatent_synthetic.mesh import Floats, Mesh
from edgepatent_synthetic.raster import BACKGROUND, Buffers

Mask = npt.NDArray[np.bool_]

# A gap in depth of more pixels than this hides one surface behind another.
_JUMP = 3.0


@dataclass(frozen=True)
class Lines:
    """One-pixel lines, bool [H, W] each: ``outline`` against the paper or across a gap in depth,
    ``inner`` for creases and borders, ``broken`` for all lines of unclaimed parts."""

    outline: Mask
    inner: Mask
    broken: Mask


def find_lines(
    mesh: Mesh, buffers: Buffers, normals: Floats, crease: float, tangents: bool
) -> Lines:
    """Find the lines of what is seen.

    ``normals`` [F, 3] of the faces; ``crease`` is the angle (degrees) from which an edge is
    drawn; ``tangents`` also draws smooth transitions between two surfaces of one part.
    """
    height, width = buffers.face.shape
    outline = np.zeros((height, width), bool)
    inner = np.zeros((height, width), bool)
    flat = buffers.face.ravel()
    limit = np.cos(np.radians(crease))
    for step, dx, dy in ((1, 1, 0), (width, 0, 1)):
        p = np.flatnonzero(flat[:-step] != flat[step:])
        if step == 1:
            p = p[p % width != width - 1]
        q = p + step
        f, g = flat[p], flat[q]
        paper = (f == BACKGROUND) | (g == BACKGROUND)
        outline.ravel()[np.where(f == BACKGROUND, q, p)[paper]] = True
        p, q, f, g = p[~paper], q[~paper], f[~paper], g[~paper]
        x, y = p % width + 0.5, p // width + 0.5
        here, there = buffers.plane[f], buffers.plane[g]
        at_p, beyond_p = _depth(here, x, y), _depth(here, x + dx, y + dy)
        at_q, beyond_q = _depth(there, x + dx, y + dy), _depth(there, x, y)
        gap = np.minimum(np.abs(beyond_p - at_q), np.abs(beyond_q - at_p)) > _JUMP
        nearer = np.where(at_p <= at_q, p, q)
        outline.ravel()[nearer[gap]] = True
        sharp = (normals[f] * normals[g]).sum(axis=1) < limit
        border = mesh.part[f] != mesh.part[g]
        if tangents:
            border |= mesh.surface[f] != mesh.surface[g]
        # A crease belongs to no side: always the same one, or it would wander by a pixel.
        inner.ravel()[np.where(border & ~sharp, nearer, p)[(sharp | border) & ~gap]] = True
    ink = outline | inner
    unclaimed = np.zeros_like(ink)
    if mesh.broken.any():
        unclaimed = ink & (buffers.face != BACKGROUND) & mesh.broken[buffers.face]
    return Lines(outline & ~unclaimed, inner & ~outline & ~unclaimed, unclaimed)


def _depth(plane: Floats, x: Floats, y: Floats) -> Floats:
    result: Floats = plane[:, 0] * x + plane[:, 1] * y + plane[:, 2]
    return result


def dashed(lines: Mask, dash: float, gap: float) -> Mask:
    """Break lines [H, W] into dashes of the given lengths in pixels.

    A pixel's phase is its position along the line's direction there, which is taken from the
    structure tensor of the ink and rounded to one of eight directions: exact on straight
    lines, and with a short or a long dash here and there on curves, as drawn by hand.
    """
    y, x = np.nonzero(lines)
    if not len(x):
        return lines
    ink = cv2.GaussianBlur(lines.astype(np.float32), (0, 0), 2.0)
    gx, gy = cv2.Sobel(ink, cv2.CV_32F, 1, 0), cv2.Sobel(ink, cv2.CV_32F, 0, 1)
    xx, yy, xy = (cv2.GaussianBlur(a, (0, 0), 4.0)[y, x] for a in (gx * gx, gy * gy, gx * gy))
    along = 0.5 * np.arctan2(2 * xy, xx - yy) + np.pi / 2
    along = np.rint(along * (8 / np.pi)) * (np.pi / 8)
    phase = (x * np.cos(along) + y * np.sin(along)) % (dash + gap)
    out = np.zeros_like(lines)
    kept = phase < dash
    out[y[kept], x[kept]] = True
    return out


def without_specks(lines: Mask, joined: Mask, smallest: int = 7) -> Mask:
    """Lines without pieces of fewer pixels, unless they touch ``joined``: grazing facets leave
    such crumbs, a draughtsman does not."""
    _, label, stats, _ = cv2.connectedComponentsWithStats((lines | joined).astype(np.uint8))
    large = stats[:, cv2.CC_STAT_AREA] >= smallest
    kept: Mask = lines & large[label]
    return kept


def claimed(mesh: Mesh, buffers: Buffers) -> Mask:
    """Where a claimed part is seen, bool [H, W]; paper counts as claimed."""
    whole: Mask = ~mesh.broken[buffers.face] | (buffers.face == BACKGROUND)
    return whole


def thickened(lines: Mask, width: float) -> Mask:
    """Lines [H, W] of one pixel drawn ``width`` pixels wide (whole pixels; 1 changes nothing)."""
    pixels = int(width + 0.5)
    if pixels <= 1:
        return lines
    shape = cv2.MORPH_ELLIPSE if pixels > 2 else cv2.MORPH_RECT
    kernel = cv2.getStructuringElement(shape, (pixels, pixels))
    return cv2.dilate(lines.astype(np.uint8), kernel).astype(bool)
