"""Solids have the volume, the surfaces and the orientation that geometry says."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgepatent_synthetic import outlines, solids
from edgepatent_synthetic.mesh import Mesh, face_normals, join

Floats = npt.NDArray[np.float64]


def volume(mesh: Mesh) -> float:
    a, b, c = (mesh.vertices[mesh.faces[:, i]].astype(np.float64) for i in range(3))
    return float((a * np.cross(b, c)).sum() / 6)


def open_edges(mesh: Mesh) -> int:
    """Edges that do not have a partner running the other way, corners taken by their place."""
    place = np.unique(np.rint(mesh.vertices * 1e4), axis=0, return_inverse=True)[1].reshape(-1)
    faces = place[mesh.faces]
    directed = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    directed = directed[directed[:, 0] != directed[:, 1]]
    counts: dict[tuple[int, int], int] = {}
    for a, b in directed.tolist():
        counts[a, b] = counts.get((a, b), 0) + 1
    return sum(abs(n - counts.get((b, a), 0)) for (a, b), n in counts.items()) // 2


RADII = {
    "box": (solids.box(2, 3, 4), 24.0, 1e-6),
    "rounded box": (solids.box(2, 3, 4, 0.5), (6 - (4 - np.pi) * 0.25) * 4, 0.01),
    "ball": (solids.ball(1.5, 64), 4 / 3 * np.pi * 1.5**3, 0.01),
    "rod": (solids.rod((0, 0, 0), (3, 4, 0), 0.5), np.pi * 0.25 * 5, 0.04),
    "cone": (solids.rod((0, 0, 0), (0, 0, 3), 1.0, 1e-4), np.pi, 0.04),
    "torus": (solids.ring(2.0, 0.5, 96), 2 * np.pi**2 * 2 * 0.25, 0.05),
    "hoop": (solids.hoop(1.0, 2.0, 0.5, 96), np.pi * 3 * 0.5, 0.01),
    "mirrored box": (solids.box(2, 3, 4).scaled(x=-1), 24.0, 1e-6),
    "turned box": (solids.box(2, 3, 4).turned("x", 33).turned("z", 71).moved(5, 5, 5), 24.0, 1e-5),
}


@pytest.mark.parametrize("name", RADII)
def test_closed_solids_have_their_volume_and_look_outward(name: str) -> None:
    mesh, expected, tolerance = RADII[name]
    assert volume(mesh) == pytest.approx(expected, rel=tolerance)
    assert open_edges(mesh) == 0


def test_a_concave_prism_has_the_area_of_its_outline() -> None:
    star = np.array(
        [
            (r * np.cos(t), r * np.sin(t))
            for r, t in zip([2, 0.6] * 6, np.arange(12) * np.pi / 6, strict=True)
        ]
    )
    mesh = solids.prism(star, 2.0)
    assert volume(mesh) == pytest.approx(2 * outlines.signed_area(star), rel=1e-5)
    assert open_edges(mesh) == 0


@given(st.lists(st.floats(0.2, 3), min_size=3, max_size=24), st.booleans())
def test_triangles_of_any_star_shaped_outline_cover_it_once(
    radii: list[float], clockwise: bool
) -> None:
    t = np.arange(len(radii)) * 2 * np.pi / len(radii)
    outline = np.array(radii)[:, None] * np.column_stack([np.cos(t), np.sin(t)])
    if clockwise:
        outline = outline[::-1]
    triangles = outlines.triangulated(outline)
    assert triangles.shape == (len(outline) - 2, 3)
    areas = [outlines.signed_area(outline[t]) for t in triangles]
    assert min(areas) >= -1e-9
    assert sum(areas) == pytest.approx(abs(outlines.signed_area(outline)))


@given(st.integers(4, 40))
def test_a_regular_prism_has_a_surface_for_each_side_and_cap(sides: int) -> None:
    mesh = solids.prism(outlines.regular(sides, 1.0), 1.0)
    # Sides that turn by less than SHARP make one smooth surface all around.
    expected = sides + 2 if 360 / sides > solids.SHARP else 3
    assert len(np.unique(mesh.surface)) == expected


def test_joined_parts_and_surfaces_stay_apart() -> None:
    one, two = solids.box(1, 1, 1), solids.ball(1)
    both = join(one, [two, two.as_environment()])
    assert len(np.unique(both.part)) == 3
    assert len(np.unique(both.surface)) == len(np.unique(one.surface)) + 2
    assert both.broken.sum() == len(two.faces)


def test_face_normals_are_unit_vectors_that_leave_the_solid() -> None:
    ball = solids.ball(1.0)
    normals = face_normals(ball.vertices, ball.faces)
    centres = ball.vertices[ball.faces].mean(axis=1)
    assert np.allclose(np.linalg.norm(normals, axis=1), 1)
    assert ((normals * centres).sum(axis=1) > 0.9).all()
