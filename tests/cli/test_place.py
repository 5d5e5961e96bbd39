"""A figure's place on its sheet, as reports show it."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sheet_files import figure, write_sheet

from edgepatent.report import build
from edgepatent.report.place import marked
from edgepatent_runtime.bundle import Bundle
from edgepatent_runtime.index import Index


def test_the_box_is_drawn_around_the_figure_and_the_rest_is_pale() -> None:
    page = np.full((2000, 1000), 255, np.uint8)
    page[300:700, 200:800] = page[1300:1700, 200:800] = 0
    png, width, height = marked(page, (200, 1300, 600, 400), 400)
    pixels = np.asarray(Image.open(BytesIO(png)).convert("RGB")).astype(int)
    assert pixels.shape == (height, width, 3) == (400, 200, 3)
    assert pixels[300, 100].max() < 40
    assert pixels[100, 100].min() > 120
    blue = np.argwhere(pixels[..., 2] - pixels[..., 0] > 60)
    (top, left), (bottom, right) = blue.min(axis=0), blue.max(axis=0)
    assert left < 40 < 160 < right < 175
    assert 240 < top < 260
    assert 340 < bottom < 360


def test_a_report_shows_the_sheet_of_a_figure_that_was_found(
    tiny_bundle: Bundle, tmp_path: Path
) -> None:
    sheet = tmp_path / "sheets" / "P1" / "sheet.png"
    write_sheet(sheet, 1, (0, 1))
    with Index.create(tmp_path / "index", tiny_bundle) as index:
        index.add(sheet.parents[1], figures=True)
        result = index.search(np.ascontiguousarray(figure(1, 1)))
        assert result[0].drawings[0].figure == "2"
        (card,) = build.page_content(result, index).cards
        assert card.others[0].label == "FIG. 2 on its sheet"
        assert card.others[0].height > card.others[0].width
        sheet.unlink()
        (card,) = build.page_content(result, index).cards
    assert not card.others


@pytest.mark.parametrize("box", [(0, 0, 30, 20), (10, 10, 1, 1)])
def test_a_box_may_fill_its_sheet_or_be_a_dot(box: tuple[int, int, int, int]) -> None:
    _, width, height = marked(np.full((20, 30), 255, np.uint8), box, 320)
    assert (width, height) == (30, 20)
