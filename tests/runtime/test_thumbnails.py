"""Small pictures: what they show, and what making them takes."""

import io
import subprocess
import sys

import cv2
import numpy as np
import pytest
from PIL import Image

from edgepatent_runtime.collection import thumbnails


@pytest.mark.parametrize("side", [320, 224, 129, 128, 127, 16])
def test_a_thumbnail_is_the_mean_of_areas_in_sixteen_greys(side: int) -> None:
    drawing = np.random.default_rng(side).integers(0, 256, (side, side)).astype(np.uint8)
    small = min(side, thumbnails.SIDE)
    mean = cv2.resize(drawing, (small, small), interpolation=cv2.INTER_AREA)
    shown = np.asarray(Image.open(io.BytesIO(thumbnails.make(drawing))).convert("L"))
    np.testing.assert_array_equal(shown, mean // 17 * 17)


def test_a_thumbnail_is_read_by_others_and_takes_four_bits_a_pixel() -> None:
    drawing = np.random.default_rng(1).integers(0, 256, (320, 320)).astype(np.uint8)
    png = thumbnails.make(drawing)
    ours = np.asarray(Image.open(io.BytesIO(png)).convert("L"))
    theirs = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_GRAYSCALE)
    np.testing.assert_array_equal(ours, theirs)
    assert len(png) < 1.05 * thumbnails.SIDE**2 / 2


def test_adding_drawings_takes_no_opencv() -> None:
    """It is 35 MB of libraries, in a process that needs nothing else of it."""
    code = "import sys, edgepatent_runtime.collection.ingest; sys.exit('cv2' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
