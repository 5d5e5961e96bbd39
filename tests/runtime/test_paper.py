"""Photographed sheets laid flat (measured on real ones by benchmarks/trust.py)."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from edgepatent_runtime import drawing
from edgepatent_runtime.drawing import paper

SHEET = np.full((600, 420), 255, np.uint8)
cv2.circle(SHEET, (210, 250), 120, 0, 3)
cv2.rectangle(SHEET, (40, 430), (380, 560), 0, 3)
# The outermost lines lie close to the edge: nothing may be cut off.
cv2.line(SHEET, (20, 20), (400, 20), 0, 3)


def png(pixels):
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def photograph(corners, table=60, noise=3.0):
    """The sheet with its corners at these places of 640 × 800 pixels, under uneven light."""
    height, width = SHEET.shape
    source = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    move = cv2.getPerspectiveTransform(source, np.array(corners, np.float32))
    paper_light = (SHEET * (200 / 255) + 20).astype(np.float32)
    taken = cv2.warpPerspective(paper_light, move, (640, 800), borderValue=table)
    taken *= np.linspace(1, 0.75, 640)[None]
    taken += np.random.default_rng(0).normal(0, noise, taken.shape)
    return taken.clip(0, 255).astype(np.uint8)


def seen(width, height, x=0.5, y=0.2):
    """The corners of a rectangle in a camera's picture, turned about both axes (radians)."""
    flat = np.array([[-width, -height, 0], [width, -height, 0], [width, height, 0]], np.float64) / 2
    flat = np.vstack([flat, [-width / 2, height / 2, 0]])
    turned = cv2.Rodrigues(np.array([x, 0.0, 0.0]))[0] @ flat.T
    turned = (cv2.Rodrigues(np.array([0.0, y, 0.0]))[0] @ turned).T + np.array([0.0, 0.0, 5.0])
    return turned[:, :2] / turned[:, 2:] * 900 + [320, 400]


TILTED = seen(2.1, 3.0)


@pytest.mark.parametrize("corners", [TILTED, [(60, 60), (580, 60), (580, 740), (60, 740)]])
def test_corners_are_found(corners):
    found = paper.corners(photograph(corners))
    assert found is not None
    assert np.abs(found - np.array(corners)).max() < 3


def test_a_tilted_sheet_is_laid_flat_whole():
    taken = photograph(TILTED)
    page, before = drawing.decode_photograph(png(taken))
    np.testing.assert_array_equal(before, taken)
    assert abs(page.shape[1] / page.shape[0] / (420 / 600) - 1) < 0.05
    want = drawing.normalise(SHEET, 96).astype(int)
    got = drawing.normalise(page, 96).astype(int)
    assert np.abs(got - want).mean() < 8
    # The line along the upper edge is there.
    assert got[:8].min() < 200


def test_the_shape_follows_from_the_perspective():
    """A square seen by a camera: its picture is wider than high, the sheet is not."""
    corners = seen(2.0, 2.0, 0.7, 0.3)
    sides = np.hypot(*(np.roll(corners, -1, axis=0) - corners).T)
    assert (sides[0] + sides[2]) / (sides[1] + sides[3]) > 1.15
    flat = paper.flattened(Image.new("L", (640, 800), 200), corners)
    assert abs(flat.width / flat.height - 1) < 0.02


@pytest.mark.parametrize("shape", ["circle", "triangle", "strip", "nothing"])
def test_what_has_no_four_corners_is_no_sheet(shape):
    pixels = np.full((400, 400), 40, np.uint8)
    if shape == "circle":
        cv2.circle(pixels, (200, 200), 150, 230, -1)
    elif shape == "triangle":
        cv2.fillConvexPoly(pixels, np.array([[50, 350], [350, 350], [200, 50]]), 230)
    elif shape == "strip":
        cv2.rectangle(pixels, (10, 100), (390, 104), 230, -1)
    assert paper.corners(pixels) is None


def test_a_page_is_no_photograph():
    page, before = drawing.decode_photograph(png(SHEET))
    assert before is None
    np.testing.assert_array_equal(page, SHEET)
