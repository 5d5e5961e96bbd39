"""Normalisation against a naive version, and where the ink box may cut."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgepatent_runtime.drawing.normal import BESIDE, MARGIN, beside, ink_box, normalise
from edgepatent_runtime.errors import DrawingError


def naive(gray: np.ndarray, size: int) -> np.ndarray:
    """Crop to the ink, pad to a square with white, average every target pixel's area, in loops."""
    left, top, right, bottom = ink_box(gray)
    ink = gray[top:bottom, left:right].astype(float)
    height, width = ink.shape
    side = max(height, width) / (1 - 2 * MARGIN)
    step = side / size
    out = np.zeros((size, size))
    for row in range(size):
        for column in range(size):
            y, x = row * step - (side - height) / 2, column * step - (side - width) / 2
            total = area = 0.0
            for i in range(max(int(y) - 1, 0), min(int(y + step) + 2, height)):
                for j in range(max(int(x) - 1, 0), min(int(x + step) + 2, width)):
                    tall = max(0.0, min(y + step, i + 1) - max(y, i))
                    wide = max(0.0, min(x + step, j + 1) - max(x, j))
                    total += tall * wide * ink[i, j]
                    area += tall * wide
            out[row, column] = (total + (step * step - area) * 255) / (step * step)
    return out


def scribble(height: int, width: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    gray = np.full((height, width), 255, np.uint8)
    for _ in range(4):
        y, x = rng.integers(0, height), rng.integers(0, width)
        gray[y : y + rng.integers(1, height), x : x + rng.integers(1, 4)] = rng.integers(0, 200)
    return gray


@given(st.integers(40, 75), st.integers(40, 75), st.integers(0, 10**6))
@settings(max_examples=15, deadline=None)
def test_equals_the_naive_version(height: int, width: int, seed: int) -> None:
    gray = scribble(height, width, seed)
    left, top, right, bottom = ink_box(gray)
    size = 20
    if max(right - left, bottom - top) / (1 - 2 * MARGIN) < size:
        return
    np.testing.assert_allclose(normalise(gray, size), naive(gray, size), atol=1)


def test_large_pages_equal_the_naive_version_nearly() -> None:
    """Whole cells are averaged first, in 8 bits; they may lie up to a cell beside the box."""
    gray = scribble(700, 520, 3)
    difference = np.abs(normalise(gray, 24).astype(float) - naive(gray, 24))
    assert difference.mean() < 1.5


@given(
    st.integers(16, 400),
    st.integers(16, 400),
    st.sampled_from([64, 96, 224]),
    st.integers(0, 10**6),
)
@settings(max_examples=40, deadline=None)
def test_margins_and_the_middle(height: int, width: int, size: int, seed: int) -> None:
    out = normalise(scribble(height, width, seed), size)
    assert out.shape == (size, size)
    assert out.dtype == np.uint8
    # Cells may reach half a pixel over the box.
    rim = int(size * MARGIN) - 1
    frame = np.ones((size, size), bool)
    frame[rim : size - rim, rim : size - rim] = False
    assert (out[frame] >= 250).all()
    assert out.min() < 250


def test_ink_is_preserved() -> None:
    """Area averaging keeps the amount of ink: line widths survive."""
    gray = np.full((2400, 1800), 255, np.uint8)
    gray[200:2200, 300:306] = gray[200:2200, 1500:1506] = 0
    gray[200:206, 300:1506] = gray[2194:2200, 300:1506] = 0
    side = 2000 / (1 - 2 * MARGIN)
    want = (gray == 0).sum() / side**2
    for size in (96, 224, 320):
        assert (255 - normalise(gray, size).astype(float)).sum() / 255 / size**2 == pytest.approx(
            want, rel=0.03
        )


def test_position_and_paper_size_do_not_matter() -> None:
    figure = scribble(300, 260, 5)
    figure[0, 0] = figure[-1, -1] = figure[:40, 0] = figure[-1, -40:] = 0
    plain = normalise(figure, 128).astype(int)
    for top, left in ((10, 400), (333, 77), (700, 60)):
        page = np.full((1200, 900), 255, np.uint8)
        page[top : top + 300, left : left + 260] = figure
        assert np.abs(normalise(page, 128).astype(int) - plain).mean() < 2


def test_wide_and_tall_pages_are_padded_and_small_ones_enlarged() -> None:
    strip = np.full((20, 3000), 255, np.uint8)
    strip[5:15] = 0
    out = normalise(strip, 64)
    assert (out[:30] == 255).all()
    assert (out[34:] == 255).all()
    small = np.full((20, 20), 255, np.uint8)
    small[5:15, 5:15] = 0
    out = normalise(small, 64)
    assert out[20:44, 20:44].max() < 10
    assert (out[0] == 255).all()


def test_blank_and_tiny_pages() -> None:
    for page in (np.full((300, 200), 255, np.uint8), np.full((3000, 2000), 250, np.uint8)):
        with pytest.raises(DrawingError, match="blank page"):
            normalise(page, 64)
    # A lone pixel of noise on a scanned sheet is not a drawing.
    page = np.full((3000, 2000), 255, np.uint8)
    page[1500, 1000] = 0
    with pytest.raises(DrawingError, match="blank page"):
        normalise(page, 64)
    with pytest.raises(DrawingError, match="image too small: 1 × 1 pixels"):
        normalise(np.zeros((1, 1), np.uint8), 64)


def sheet() -> np.ndarray:
    page = np.full((3300, 2550), 255, np.uint8)
    page[800:2000, 700:706] = page[800:2000, 1700:1706] = 0
    page[800:806, 700:1706] = page[1994:2000, 700:1706] = 0
    return page


def test_scanner_edges_are_left_out() -> None:
    clean = ink_box(sheet())
    page = sheet()
    page[:, 3:8] = 0
    assert ink_box(page) == clean
    page[3290:3296, :] = 0
    assert ink_box(page) == clean
    speck = sheet()
    speck[5:15, 2500:2512] = 0
    assert ink_box(speck) == clean


def test_real_ink_is_never_cut() -> None:
    # The outline of a screen with something in it is all rim.
    outline = sheet()[700:2100, 600:1806]
    outline[:4] = outline[-4:] = 0
    outline[:, :4] = outline[:, -4:] = 0
    assert ink_box(outline) == (0, 0, 1206, 1400)
    # A drawing cut out tightly touches its edges.
    tight = np.ascontiguousarray(sheet()[800:2000, 700:1706])
    assert ink_box(tight) == (0, 0, 1006, 1200)
    # Ink further in than a scanner's edge counts, however little.
    page = sheet()
    page[100:110, 100:110] = 0
    left, top, *_ = ink_box(page)
    assert left <= 100
    assert top <= 100


def test_thin_and_light_lines_are_ink() -> None:
    page = np.full((3300, 2550), 255, np.uint8)
    page[1000, 500:2000] = 0
    left, top, right, bottom = ink_box(page)
    assert left <= 500
    assert right >= 2000
    assert top <= 1000 < bottom
    light = np.full((400, 300), 255, np.uint8)
    light[100:300, 150] = 220
    assert ink_box(light) == (150, 100, 151, 300)


def test_a_drawing_beside_others_is_the_same_drawing_smaller() -> None:
    page = np.full((300, 500), 255, np.uint8)
    page[40:260, 60:70] = page[40:260, 430:440] = page[40:50, 60:440] = 0
    large = normalise(page, 224)
    small = beside(large)
    # As much ink as the smaller area has, in the middle, with more paper around.
    ink = (255 - large.astype(float)).sum(), (255 - small.astype(float)).sum()
    assert ink[1] == pytest.approx(BESIDE**2 * ink[0], rel=0.02)
    left, top, right, bottom = ink_box(small)
    assert right - left == pytest.approx(BESIDE * 224 * (1 - 2 * MARGIN), abs=2)
    assert left + right == pytest.approx(224, abs=2)
    assert top + bottom == pytest.approx(224, abs=2)
