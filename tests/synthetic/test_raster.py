"""The z-buffer against the naive loop over pixels and triangles, and what lines it leads to."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgepatent_synthetic import solids
from edgepatent_synthetic.camera import ORTHOGRAPHIC, Projected, View, project
from edgepatent_synthetic.lines import Lines, dashed, find_lines, thickened, without_specks
from edgepatent_synthetic.mesh import Mesh, face_normals, join
from edgepatent_synthetic.outlines import circle
from edgepatent_synthetic.raster import BACKGROUND, rasterise

FRONT = ORTHOGRAPHIC[0]


def naive(mesh: Mesh, seen: Projected) -> tuple[np.ndarray, np.ndarray]:
    """Nearest face and its depth at every pixel centre, one at a time; NaN where unclear."""
    face = np.full((seen.height, seen.width), BACKGROUND)
    depth = np.full((seen.height, seen.width), np.inf)
    margin = np.full((seen.height, seen.width), np.inf)
    for number, corners in enumerate(mesh.faces):
        (x0, x1, x2), (y0, y1, y2), z = seen.x[corners], seen.y[corners], seen.depth[corners]
        area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
        if area == 0 or (mesh.closed and area > 0):
            continue
        for row in range(seen.height):
            for column in range(seen.width):
                x, y = column + 0.5, row + 0.5
                a = ((x1 - x) * (y2 - y) - (x2 - x) * (y1 - y)) / area
                b = ((x2 - x) * (y0 - y) - (x0 - x) * (y2 - y)) / area
                c = 1 - a - b
                margin[row, column] = min(margin[row, column], *map(abs, (a, b, c)))
                if min(a, b, c) < 0:
                    continue
                here = a * z[0] + b * z[1] + c * z[2]
                if here < depth[row, column]:
                    face[row, column], depth[row, column] = number, here
    # On an edge between two triangles either may own the pixel.
    return np.where(margin < 1e-9, BACKGROUND - 1, face), depth


def random_mesh(seed: int, triangles: int, closed: bool) -> Mesh:
    random = np.random.default_rng(seed)
    vertices = random.random((triangles * 3, 3)).astype(np.float32)
    faces = np.arange(triangles * 3, dtype=np.int32).reshape(-1, 3)
    zero = np.zeros(triangles, np.int32)
    return Mesh(vertices, faces, zero, zero, zero.astype(bool), closed)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1 << 30), st.integers(1, 8), st.booleans())
def test_rasteriser_agrees_with_the_naive_loop(seed: int, triangles: int, closed: bool) -> None:
    mesh = random_mesh(seed, triangles, closed)
    seen = project(mesh, View("any", seed % 360, 20, 4.0), 24, margin=1)
    fast = rasterise(mesh, seen)
    slow, depth = naive(mesh, seen)
    clear = slow != BACKGROUND - 1
    differs = clear & (fast.face != slow)
    # Two faces as near as a step of the depth key may stand for each other.
    for row, column in zip(*np.nonzero(differs), strict=True):
        assert fast.face[row, column] != BACKGROUND
        a, b, c = fast.plane[fast.face[row, column]]
        assert abs(a * (column + 0.5) + b * (row + 0.5) + c - depth[row, column]) < 2e-3


def test_neighbouring_triangles_leave_no_gap() -> None:
    ball = solids.ball(1.0, 64)
    face = rasterise(ball, project(ball, View("any", 33, 21), 300)).face
    rows = [np.flatnonzero(row != BACKGROUND) for row in face]
    assert all(len(r) == r[-1] - r[0] + 1 for r in rows if len(r))


def test_front_view_looks_along_y_with_x_to_the_right() -> None:
    post = solids.box(0.2, 0.2, 3).moved(1.0, 0, 0)
    wide = join(solids.box(3, 0.2, 0.2), post)
    seen = project(wide, FRONT, 120)
    tall = seen.x[len(solids.box(3, 0.2, 0.2).vertices) :]
    assert tall.mean() > seen.width / 2
    assert seen.y[np.argmax(wide.vertices[:, 2])] < seen.height / 2


def lines_of(mesh: Mesh, view: View) -> Lines:
    buffers = rasterise(mesh, project(mesh, view, 200))
    normals = face_normals(mesh.vertices, mesh.faces)
    return find_lines(mesh, buffers, normals, crease=28.0, tangents=False)


def test_a_box_from_the_front_is_four_lines_and_hides_what_is_behind() -> None:
    alone = solids.box(1, 0.2, 1)
    hidden = join(alone, solids.ball(0.2).moved(0, 0.4, 0.5))
    one, two = lines_of(alone, FRONT), lines_of(hidden, FRONT)
    assert not one.inner.any()
    assert (one.outline == two.outline).all()
    assert not two.inner.any()
    height, width = one.outline.shape
    assert one.outline.sum() == pytest.approx(2 * (height - 12) + 2 * (width - 12), abs=8)


def test_creases_are_drawn_and_facets_of_a_round_are_not() -> None:
    corner = View("corner", 45, 35)
    assert lines_of(solids.box(1, 1, 1), corner).inner.sum() > 200
    assert not lines_of(solids.ball(1.0, 64), corner).inner.any()
    cylinder = lines_of(solids.prism(circle(1.0, 48), 1.0), corner)
    assert 0 < cylinder.inner.sum() < 260


def test_unclaimed_parts_have_broken_lines_only() -> None:
    design = join(solids.box(1, 1, 1), solids.box(1, 1, 1).moved(x=2).as_environment())
    lines = lines_of(design, FRONT)
    left, right = lines.outline.shape[1] // 3, lines.outline.shape[1] * 2 // 3
    assert lines.broken[:, right:].any()
    assert not lines.broken[:, :left].any()
    assert not lines.outline[:, right:].any()


def test_dashes_have_the_length_asked_for() -> None:
    line = np.zeros((40, 400), bool)
    line[20, 20:380] = True
    broken = dashed(line, 9.0, 6.0)
    assert not (broken & ~line).any()
    starts = np.flatnonzero(np.diff(broken[20].astype(int)) == 1)
    assert len(starts) == pytest.approx(360 / 15, abs=2)
    assert broken.sum() == pytest.approx(360 * 9 / 15, rel=0.1)


def test_thick_lines_are_as_wide_as_the_pen() -> None:
    line = np.zeros((30, 60), bool)
    line[15, 5:55] = True
    for width in (1, 2, 3, 5):
        assert thickened(line, width)[:, 30].sum() == width


def test_crumbs_go_and_lines_that_touch_an_outline_stay() -> None:
    lines, outline = np.zeros((20, 40), bool), np.zeros((20, 40), bool)
    outline[10, :] = True
    lines[3, 3:6] = True
    lines[8:10, 20] = True
    lines[15, 3:30] = True
    kept = without_specks(lines, outline)
    assert not kept[3].any()
    assert kept[8:10, 20].all()
    assert kept[15, 3:30].all()
