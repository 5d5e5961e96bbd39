"""Surface shading as draughtsmen ink it: lines along curved surfaces, oblique strokes, stipple.

37 CFR 1.84(m) asks for spaced lines, thinner than the outlines, and light from the upper left.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from edgepatent_synthetic.camera import Projected
from edgepatent_synthetic.draw import Draw
from edgepatent_synthetic.lines import Mask
from edgepatent_synthetic.mesh import Floats, Ints, Mesh
from edgepatent_synthetic.raster import BACKGROUND, Buffers, planes

# Where the surface has turned this far from the light, lines run along it: dense in the shadow,
# few on the lit side. 1 is the outline away from the light, −1 the one towards it.
_LEVELS = np.array(
    [-0.98, -0.94, -0.88, -0.78, 0.15, 0.35, 0.5, 0.62, 0.72, 0.8, 0.86, 0.91, 0.95, 0.98]
)
_SOFT = 0.76  # cosine of the angle up to which neighbouring faces share a smooth normal


@dataclass(frozen=True)
class Surface:
    """What is needed of the picture to shade it: ``away`` [H, W] float32, how far the smooth
    surface is turned from the light (−1 … 1), and ``surface`` int32 [H, W], −1 for paper."""

    away: npt.NDArray[np.float32]
    surface: Ints
    flat: npt.NDArray[np.bool_]


def survey(mesh: Mesh, seen: Projected, buffers: Buffers, normals: Floats, light: float) -> Surface:
    """Turn of every pixel's surface from a light at ``light`` degrees in the picture's plane.

    ``normals`` [F, 3] of the faces in the design's frame. ``flat`` [surfaces] tells the plane
    surfaces.
    """
    # Screen-space normals from the projected shape: what counts is how it looks from here.
    v = np.column_stack([seen.x, seen.y, seen.depth])
    a, b, c = (v[mesh.faces[:, i]] for i in range(3))
    u, w = b - a, c - a
    nx = u[:, 1] * w[:, 2] - u[:, 2] * w[:, 1]
    ny = u[:, 2] * w[:, 0] - u[:, 0] * w[:, 2]
    nz = u[:, 0] * w[:, 1] - u[:, 1] * w[:, 0]
    # y and depth run the other way: area vectors (nx, ny) point into the picture's plane outward.
    facet = np.column_stack([nx, ny, nz])
    if not mesh.closed:
        facet[buffers.behind] *= -1
    smooth = smoothed(mesh, facet)
    t = np.radians(light)
    away = smooth[..., 0] * np.cos(t) + smooth[..., 1] * np.sin(t)
    out = np.full(buffers.face.shape, -2.0, np.float32)
    shown = Shown.of(buffers)
    out[shown.y, shown.x] = spread(mesh, seen, shown, away)
    np.clip(out, -2, 1, out=out)
    surface = np.where(buffers.face == BACKGROUND, BACKGROUND, mesh.surface[buffers.face])
    surfaces = int(mesh.surface.max()) + 1
    mean = np.stack(
        [
            np.bincount(mesh.surface, normals[:, i], minlength=surfaces)
            / np.maximum(np.bincount(mesh.surface, minlength=surfaces), 1)
            for i in range(3)
        ]
    )
    return Surface(out, surface, (mean * mean).sum(axis=0) > 0.995)


def smoothed(mesh: Mesh, facet: Floats) -> Floats:
    """Unit normals float64 [F, 3, 3] at the corners of each face, from area vectors [F, 3].

    Those of neighbouring faces are one, unless they meet at an edge that is too sharp for that.
    """
    length = np.maximum(np.sqrt((facet * facet).sum(axis=1, keepdims=True)), 1e-9)
    count = len(mesh.vertices)
    summed = np.empty((count, 3))
    corner = mesh.faces.ravel()
    for i in range(3):
        summed[:, i] = np.bincount(corner, np.repeat(facet[:, i], 3), minlength=count)
    summed /= np.maximum(np.sqrt((summed * summed).sum(axis=1, keepdims=True)), 1e-9)
    unit = facet / length
    smooth: Floats = summed[mesh.faces]
    hard = (smooth * unit[:, None]).sum(axis=-1) < _SOFT
    smooth[hard] = np.broadcast_to(unit[:, None], smooth.shape)[hard]
    return smooth


@dataclass(frozen=True)
class Shown:
    """The pixels that show a face: ``y``, ``x`` and ``face``, int [N] each."""

    y: npt.NDArray[np.int64]
    x: npt.NDArray[np.int64]
    face: Ints

    @classmethod
    def of(cls, buffers: Buffers) -> "Shown":
        """Those of a picture."""
        y, x = np.nonzero(buffers.face != BACKGROUND)
        return cls(y, x, buffers.face[y, x])


def spread(mesh: Mesh, seen: Projected, shown: Shown, corner: Floats) -> Floats:
    """What holds at the corners [F, 3] of the faces, spread over the pixels shown: [N]."""
    x, y = seen.x[mesh.faces], seen.y[mesh.faces]
    at_all = np.zeros(len(mesh.faces), bool)
    at_all[shown.face] = True
    some = np.flatnonzero(at_all)
    plane = np.zeros((len(mesh.faces), 3))
    area = (x[:, 1] - x[:, 0]) * (y[:, 2] - y[:, 0]) - (x[:, 2] - x[:, 0]) * (y[:, 1] - y[:, 0])
    plane[some] = planes(x[some], y[some], corner[some], area[some])
    a, b, c = plane[shown.face].T
    values: Floats = a * (shown.x + 0.5) + b * (shown.y + 0.5) + c
    return values


def along(picture: Surface, tone: float, draw: Draw) -> Mask:
    """Lines [H, W] where the surface has turned by certain amounts, interrupted at random."""
    count = max(2, round(tone * len(_LEVELS)))
    # The darkest levels come first, then those of the lit side.
    levels = np.sort(_LEVELS[np.argsort(-np.abs(_LEVELS + 0.15), kind="stable")[:count]])
    level = np.searchsorted(levels, picture.away.ravel()).astype(np.int32)
    surface = picture.surface.ravel()
    height, width = picture.away.shape
    lines = np.zeros(height * width, bool)
    for step in (1, width):
        p = np.flatnonzero(
            (level[:-step] != level[step:])
            & (surface[:-step] == surface[step:])
            & (surface[step:] != BACKGROUND)
        )
        lines[p] = True
    return lines.reshape(height, width) & patches(height, width, 40, 0.45 + 0.45 * tone, draw)


def strokes(picture: Surface, tone: float, draw: Draw, scale: float) -> Mask:
    """Groups of oblique strokes [H, W] on the largest plane surfaces, as on glass or polish."""
    out = np.zeros(picture.away.shape, bool)
    shown = picture.surface[picture.surface != BACKGROUND]
    size = np.bincount(shown, minlength=len(picture.flat)) * picture.flat
    angle = np.radians(draw.real(35, 60) * draw.choice((-1, 1, 1)))
    dx, dy = np.cos(angle), -np.sin(angle)
    for surface in np.argsort(-size, kind="stable")[:8]:
        if size[surface] < 900 * scale * scale or not draw.chance(0.35 + 0.6 * tone):
            continue
        whole = (picture.surface == surface).astype(np.uint8)
        inside = cv2.erode(whole, np.ones((5, 5), np.uint8)) > 0
        y, x = np.nonzero(inside)
        if not len(x):
            continue
        reach = np.sqrt(size[surface])
        drawn = np.zeros(out.shape, np.uint8)
        for _ in range(draw.whole(1, 1 + round(3 * tone))):
            at = draw.whole(0, len(x) - 1)
            gap = draw.real(4, 9) * scale
            for k in range(draw.whole(2, 6)):
                half = reach * draw.real(0.08, 0.35)
                slide = reach * draw.real(-0.08, 0.08)
                cx = x[at] - dy * gap * k + dx * slide
                cy = y[at] + dx * gap * k + dy * slide
                start = (round(float(cx - dx * half)), round(float(cy - dy * half)))
                end = (round(float(cx + dx * half)), round(float(cy + dy * half)))
                cv2.line(drawn, start, end, 1, 1)
        out |= (drawn > 0) & inside
    return out


def hatching(picture: Surface, tone: float, draw: Draw, scale: float) -> Mask:
    """Parallel lines [H, W] over plane surfaces that are turned away from the light."""
    height, width = picture.away.shape
    y, x = np.nonzero(picture.surface != BACKGROUND)
    surface = picture.surface[y, x]
    chosen = picture.flat & (
        np.array([draw.real(0, 1) for _ in range(64)])[np.arange(len(picture.flat)) % 64] < 0.6
    )
    dark = chosen[surface] & (picture.away[y, x] > 0.25)
    upright = draw.chance(0.6)
    pitch = draw.real(5, 9) * scale / (0.6 + 0.6 * tone)
    position = (x if upright else y)[dark]
    on = np.floor(position / pitch) != np.floor((position - 1) / pitch)
    out = np.zeros((height, width), bool)
    out[y[dark][on], x[dark][on]] = True
    return out & patches(height, width, 48, 0.35 + 0.35 * tone, draw)


def stipple(picture: Surface, tone: float, draw: Draw, scale: float) -> Mask:
    """Dots [H, W], denser where the surface turns away from the light."""
    height, width = picture.away.shape
    pitch = max(2.0, draw.real(4.0, 6.0) * scale)
    rows, columns = int(height / pitch), int(width / pitch)
    noise = np.random.default_rng(draw.whole(0, 1 << 30))
    jitter = noise.random((3, rows, columns))
    y = ((np.arange(rows)[:, None] + jitter[0]) * pitch).astype(int)
    x = ((np.arange(columns)[None, :] + jitter[1]) * pitch).astype(int)
    away = picture.away[y, x]
    density = tone * (0.06 + 0.9 * np.clip(away, 0, 1) ** 2)
    kept = (jitter[2] < density) & (away > -1.5)
    out = np.zeros((height, width), bool)
    out[y[kept], x[kept]] = True
    return out


def patches(height: int, width: int, size: int, share: float, draw: Draw) -> Mask:
    """Blotches [H, W] about ``size`` pixels large that cover about ``share`` of the picture."""
    noise = np.random.default_rng(draw.whole(0, 1 << 30))
    coarse = noise.random((height // size + 3, width // size + 3), np.float32)
    field = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    return field < 0.5 + 0.62 * (share - 0.5)
