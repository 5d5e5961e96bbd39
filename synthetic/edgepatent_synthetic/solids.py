"""Solids: skins over rings of points, surfaces of revolution, extrusions, sweeps, boxes.

Lengths are in any unit (a design is scaled to fit its figure), angles in degrees. Every solid is
closed, is one part, and is split into surfaces where it turns by more than ``SHARP``.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from edgepatent_synthetic.mesh import Floats, Mesh, cross
from edgepatent_synthetic.outlines import Points, circle, resampled, rounded, triangulated

Indices = npt.NDArray[np.int64]

SHARP = 32.0
AROUND = 56


def skin(
    rings: Floats, *, bottom: bool = True, top: bool = True, seams: Sequence[int] = ()
) -> Mesh:
    """A solid stretched over rings [R, N, 3] of points, each closed; ends capped where asked.

    Consecutive rings are joined by quadrilaterals. A cap is a flat face over the first or the
    last ring, which must be star-shaped about its centre. At the rings numbered in ``seams`` a
    new surface begins though the skin does not turn: where a rounding ends.
    """
    rings = np.asarray(rings, np.float64)
    across = np.roll(rings, -1, axis=1)[:-1] - rings[1:]
    normal = cross(across, np.roll(rings, -1, axis=1)[1:] - rings[:-1])
    length = np.sqrt((normal * normal).sum(axis=-1, keepdims=True))
    normal = normal / np.maximum(length, 1e-12)
    limit = np.cos(np.radians(SHARP))
    # A row (a column) is a crease where the surface turns there on the average of its length.
    solid = (length[..., 0] > 1e-12).astype(np.float64)
    rows = _turn(normal[:-1], normal[1:], solid[:-1] * solid[1:], axis=1)
    columns = _turn(np.roll(normal, 1, axis=1), normal, np.roll(solid, 1, axis=1) * solid, axis=0)
    creases = {*(np.flatnonzero(rows < limit) + 1).tolist(), *seams}
    row_index, row_block = _split(len(rings), sorted(creases))
    sharp = np.flatnonzero(columns < limit)
    n = rings.shape[1]
    if len(sharp):
        start = int(sharp[0])
        column_index, column_block = _split(n + 1, [int(c) - start for c in sharp[1:]])
        column_index = (column_index + start) % n
        stored = column_index
        following = np.arange(1, len(stored))
    else:
        column_index = np.arange(n + 1) % n
        column_block = np.zeros(n, int)
        stored = np.arange(n)
        following = np.arange(1, n + 1) % n
    vertices = rings[row_index][:, stored].reshape(-1, 3)
    width = len(stored)
    r = np.flatnonzero(row_index[1:] != row_index[:-1])
    c = np.flatnonzero(column_index[1:] != column_index[:-1])
    a = (r[:, None] * width + c[None, :]).ravel()
    b = (r[:, None] * width + following[c][None, :]).ravel()
    faces = np.concatenate(
        [np.stack([a, b, b + width], axis=1), np.stack([a, b + width, a + width], axis=1)]
    )
    block = (row_block[:, None] * (int(column_block.max()) + 1) + column_block[None, :]).ravel()
    surface = np.concatenate([block, block])
    blocks = int(surface.max()) + 1
    pieces_v, pieces_f, pieces_s = [vertices], [faces], [surface]
    count = len(vertices)
    around = np.arange(n)
    for wanted, ring, flip in ((bottom, rings[0], True), (top, rings[-1], False)):
        if not wanted:
            continue
        fan = np.stack([around, np.roll(around, -1), np.full(n, n)], axis=1) + count
        pieces_v.append(np.concatenate([ring, ring.mean(axis=0, keepdims=True)]))
        pieces_f.append(fan[:, ::-1] if flip else fan)
        pieces_s.append(np.full(n, blocks))
        count, blocks = count + n + 1, blocks + 1
    return _solid(np.concatenate(pieces_v), np.concatenate(pieces_f), np.concatenate(pieces_s))


def _turn(a: Floats, b: Floats, weight: Floats, axis: int) -> Floats:
    """The weighted mean of cos(angle) between normals a and b along ``axis``; 1 without weight."""
    cosine = (a * b).sum(axis=-1) * weight
    total = weight.sum(axis=axis)
    return np.where(total > 0, cosine.sum(axis=axis) / np.maximum(total, 1e-12), 1.0)


def _split(count: int, creases: list[int]) -> tuple[Indices, Indices]:
    """Indices 0 … count−1 with every crease twice, and the block of each of the count−1 steps."""
    index = np.sort(np.concatenate([np.arange(count), np.array(creases, np.int64)]))
    starts = np.zeros(count - 1, np.int64)
    starts[np.array(creases, np.int64)] = 1
    return index, np.cumsum(starts)


def _solid(vertices: Floats, faces: Indices, surface: Indices) -> Mesh:
    """A part of triangles, without those that have no area, turned outward by its volume."""
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    normal = cross(b - a, c - a)
    real = (normal * normal).sum(axis=1) > 1e-18
    if (a * normal).sum() < 0:
        faces = faces[:, ::-1]
    kept = faces[real].astype(np.int32)
    return Mesh(
        vertices.astype(np.float32),
        kept,
        np.zeros(len(kept), np.int32),
        surface[real].astype(np.int32),
        np.zeros(len(kept), bool),
    )


def lathe(profile: Points, around: int = AROUND) -> Mesh:
    """A solid of revolution about Z of a profile [R, 2] of (radius, height), upward outside.

    A profile that comes back inside makes a hollow vessel, one that ends where it began a ring;
    other ends off the axis are capped.
    """
    profile = np.asarray(profile, np.float64)
    circled = circle(1, around)
    rings = np.empty((len(profile), around, 3))
    rings[..., :2] = profile[:, None, :1] * circled
    rings[..., 2] = profile[:, 1:]
    ring_shaped = bool(np.abs(profile[0] - profile[-1]).max() < 1e-9)
    bottom, top = (bool(end[0] > 1e-6) and not ring_shaped for end in (profile[0], profile[-1]))
    return skin(rings, bottom=bottom, top=top)


def hoop(inner: float, outer: float, height: float, around: int = 48) -> Mesh:
    """A flat ring about Z between two radii, from z = 0 to ``height``."""
    corners = [(inner, 0), (outer, 0), (outer, height), (inner, height), (inner, 0)]
    return lathe(np.array(corners, np.float64), around)


def loft(sections: Sequence[tuple[float, Points]], seams: Sequence[int] = ()) -> Mesh:
    """A solid through outlines [N, 2] of equal N at rising heights: (z, outline) each.

    ``seams`` numbers the sections at which a new surface begins.
    """
    rings = np.stack(
        [np.column_stack([outline, np.full(len(outline), z)]) for z, outline in sections]
    )
    return skin(rings, seams=seams)


def prism(outline: Points, height: float, bevel: float = 0.0) -> Mesh:
    """An outline [N, 2] (any simple polygon) extruded from z = 0 to ``height``.

    ``bevel`` rounds the upper and the lower rim of star-shaped outlines.
    """
    outline = np.asarray(outline, np.float64)
    if bevel > 0:
        bevel = min(bevel, height / 2.01)
        middle = (outline.max(axis=0) + outline.min(axis=0)) / 2
        half = (outline.max(axis=0) - outline.min(axis=0)) / 2
        sections = []
        for t in (0, 22.5, 45, 67.5, 90):
            c, s = np.cos(np.radians(t)), np.sin(np.radians(t))
            inset = (outline - middle) * (1 - bevel * (1 - s) / half) + middle
            sections.append((bevel * (1 - c), inset))
        upper = [(height - z, o) for z, o in reversed(sections)]
        # Vertices at a seam are doubled, so that the rounding is shaded with its own normals.
        return loft([*sections, *upper], seams=(len(sections) - 1, len(sections)))
    body = skin(
        np.stack([np.column_stack([outline, np.full(len(outline), z)]) for z in (0.0, height)]),
        bottom=False,
        top=False,
    )
    caps = triangulated(outline)
    n, v, s = len(outline), len(body.vertices), int(body.surface.max()) + 1
    vertices = np.concatenate(
        [
            body.vertices.astype(np.float64),
            np.column_stack([outline, np.zeros(n)]),
            np.column_stack([outline, np.full(n, height)]),
        ]
    )
    faces = np.concatenate([body.faces, caps[:, ::-1] + v, caps + v + n]).astype(np.int64)
    surface = np.concatenate([body.surface, np.full(len(caps), s), np.full(len(caps), s + 1)])
    return _solid(vertices, faces, surface.astype(np.int64))


def box(x: float, y: float, z: float, radius: float = 0.0, bevel: float = 0.0) -> Mesh:
    """A box centred in x and y that stands on z = 0; ``radius`` rounds its upright edges."""
    return prism(rounded(x, y, radius), z, bevel)


def tube(path: Floats, radius: float | Points, around: int = 16, closed: bool = False) -> Mesh:
    """A section swept along a path [P, 3] without twist: a radius, or an outline [N, 2].

    A ``closed`` path must not repeat its first point.
    """
    path = np.asarray(path, np.float64)
    section = circle(radius, around) if isinstance(radius, (int, float)) else np.asarray(radius)
    if closed:
        tangent = np.roll(path, -1, axis=0) - np.roll(path, 1, axis=0)
    else:
        tangent = np.gradient(path, axis=0)
    tangent /= np.maximum(np.sqrt((tangent**2).sum(axis=1, keepdims=True)), 1e-12)
    first = np.array([0, 0, 1.0]) if abs(tangent[0, 2]) < 0.9 else np.array([0, 1.0, 0])
    rings = np.empty((len(path), len(section), 3))
    side = first
    for i, t in enumerate(tangent):
        side = side - t * (side * t).sum()
        side = side / np.sqrt((side**2).sum())
        other = cross(t, side)
        # The section's x goes to the side, its y (up on a level path) to the carried direction.
        rings[i] = path[i] + section[:, :1] * -other + section[:, 1:] * side
    if closed:
        rings = np.concatenate([rings, rings[:1]])
    return skin(rings, bottom=not closed, top=not closed)


def rod(
    start: tuple[float, float, float],
    end: tuple[float, float, float],
    radius: float | Points,
    tip: float | None = None,
) -> Mesh:
    """A straight bar between two points, of a radius or an outline; ``tip`` tapers to a radius."""
    path = np.linspace(np.array(start, np.float64), np.array(end, np.float64), 2)
    mesh = tube(path, radius)
    if tip is None or not isinstance(radius, (int, float)):
        return mesh
    vertices = mesh.vertices.astype(np.float64)
    axis = path[1] - path[0]
    t = ((vertices - path[0]) * axis).sum(axis=1, keepdims=True) / (axis * axis).sum()
    centre = path[0] + t * axis
    grown = centre + (vertices - centre) * (1 + t * (tip / radius - 1))
    return Mesh(grown.astype(np.float32), mesh.faces, mesh.part, mesh.surface, mesh.broken)


def ball(radius: float, around: int = 32) -> Mesh:
    """A sphere about the origin."""
    t = np.radians(np.linspace(-90, 90, around // 2 + 1))
    return lathe(np.column_stack([np.maximum(radius * np.cos(t), 0), radius * np.sin(t)]), around)


def ring(radius: float, thickness: float | Points, around: int = 48) -> Mesh:
    """A torus about Z; ``thickness`` is the radius of its section, or the section itself."""
    path = np.column_stack([circle(radius, around), np.zeros(around)])
    return tube(path, thickness, 14, closed=True)


def smooth_path(points: Sequence[tuple[float, float, float]], steps: int = 24) -> Floats:
    """A smooth path [steps, 3] through the points."""
    return resampled(np.array(points, np.float64), steps)
