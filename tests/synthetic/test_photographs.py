"""Photographs of designs: where their light falls, what they stand before, which they are."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgepatent_runtime.record import Skipped
from edgepatent_runtime.sources import load, open_source, read_page
from edgepatent_synthetic import folder, photograph, render, solids
from edgepatent_synthetic.backdrop import KINDS
from edgepatent_synthetic.camera import View, project
from edgepatent_synthetic.draw import Draw
from edgepatent_synthetic.mesh import face_normals
from edgepatent_synthetic.photograph import Light, take
from edgepatent_synthetic.raster import rasterise
from edgepatent_synthetic.shading import Shown, spread

LEVEL = View("level", 0, 0, 5)


def test_what_holds_at_corners_is_spread_as_barycentric_weights_say() -> None:
    mesh = solids.box(1, 2, 3)
    seen = project(mesh, View("any", 30, 20, 4.0), 40)
    shown = Shown.of(rasterise(mesh, seen))
    corner = np.random.default_rng(0).random((len(mesh.faces), 3))
    values = spread(mesh, seen, shown, corner)
    for at in range(0, len(values), 7):
        face = shown.face[at]
        x, y = seen.x[mesh.faces[face]], seen.y[mesh.faces[face]]
        system = np.stack([x, y, np.ones(3)])
        weights = np.linalg.solve(system, [shown.x[at] + 0.5, shown.y[at] + 0.5, 1])
        assert values[at] == pytest.approx(weights @ corner[face])


def test_a_photograph_is_named_for_ever_and_belongs_to_its_design() -> None:
    found = list(open_source("synthetic:designs=2,seed=7,views=2,photographs=3").records(Skipped()))
    assert len(found) == 2 * (2 + 3)
    taken = [r for r in found if r.figure is None]
    assert [r.view for r in taken[:3]] == ["photograph 1", "photograph 2", "photograph 3"]
    assert {r.patent_id for r in taken} == {r.patent_id for r in found}
    assert len({folder.file_name(r) for r in found}) == len(found)
    pages = [render(r.image.path) for r in taken]
    assert len({page.tobytes() for page in pages}) == len(pages)
    assert np.array_equal(read_page(taken[0].image), pages[0])
    assert load(taken[0].image, 96).shape == (96, 96)
    drawings = list(open_source("synthetic:designs=2,seed=7,views=2").records(Skipped()))
    assert [r for r in found if r.figure is not None] == drawings
    alone = list(open_source("synthetic:designs=2,seed=7,views=0,photographs=3").records(Skipped()))
    assert alone == taken


@pytest.mark.parametrize("kind", sorted(set(KINDS)))
def test_the_product_is_in_the_picture_as_large_as_was_asked(kind: str) -> None:
    ball = solids.ball(1)
    taken = take(ball, LEVEL, Draw(3, 4), 200, kind)  # type: ignore[arg-type]
    assert taken.dtype == np.uint8
    assert taken.shape[2] == 3
    assert min(taken.shape[:2]) >= 200
    assert max(taken.shape[:2]) <= 200 * 2
    assert np.array_equal(taken, take(ball, LEVEL, Draw(3, 4), 200, kind))  # type: ignore[arg-type]


def test_what_is_cut_out_stands_on_white() -> None:
    gray = take(solids.ball(1), LEVEL, Draw(3, 4), 200, "none").mean(axis=2)
    rows, columns = np.flatnonzero((gray < 255).any(axis=1)), np.flatnonzero((gray < 255).any(0))
    # One pixel all round is the soft rim.
    assert abs(len(rows) - 200) <= 4
    assert abs(len(columns) - 200) <= 4
    assert gray[0, 0] == gray[-1, -1] == 255


def test_a_ball_is_bright_towards_the_lamp_and_its_shadow_lies_on_the_other_side(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    towards = np.array([0.6, -0.48, 0.64])
    monkeypatch.setattr(photograph, "_light", lambda view, draw: Light(towards, 0.9, 0.2, 0.0, 1.0))
    ball = solids.ball(1)
    above = replace(LEVEL, elevation=35)
    lit = take(ball, above, Draw(1, 6), 200, "none").mean(axis=2)
    rows, columns = np.nonzero(lit < 255)
    middle = int((columns.min() + columns.max()) / 2), int((rows.min() + rows.max()) / 2)
    half = lit[middle[1] - 60 : middle[1] + 60]
    assert (
        half[:, middle[0] + 20 : middle[0] + 60].mean()
        > half[:, middle[0] - 60 : middle[0] - 20].mean()
    )
    seen, thrown = photograph._seen(ball, Light(towards, 0.9, 0.2, 0, 1), above, Draw(1, 6), 200)
    dark = photograph._shadow(ball, thrown, seen, 3)
    assert dark.shape == (seen.height, seen.width)
    assert 0 <= dark.min() < dark.max() <= 1.001
    _, x = np.nonzero(dark > 0.5)
    assert x.mean() < seen.x.mean()


def test_a_sheet_seen_from_behind_is_lit_on_the_side_that_is_seen() -> None:
    box = replace(solids.box(1, 1, 1), closed=False)
    inside = replace(box, faces=box.faces[:, ::-1].copy())
    assert np.allclose(
        face_normals(box.vertices, box.faces), -face_normals(inside.vertices, inside.faces)
    )
    one, other = (take(m, View("any", 30, 20, 4), Draw(2, 2), 120, "white") for m in (box, inside))
    assert np.abs(one.astype(int) - other).mean() < 1


def test_photographs_are_written_beside_drawings(tmp_path: Path) -> None:
    records = list(open_source("synthetic:designs=1,views=1,photographs=1").records(Skipped()))
    assert folder.write(records, tmp_path) == 2
    written = list(open_source(str(tmp_path)).records(Skipped()))
    assert [r.view for r in written] == ["perspective view", "photograph 1"]
    page = cv2.imread(written[1].image.path, cv2.IMREAD_GRAYSCALE)
    assert np.array_equal(np.asarray(page), render(records[1].image.path))
