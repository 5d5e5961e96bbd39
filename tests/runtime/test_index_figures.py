"""Figures stored beside their sheets: added, kept, found, forgotten with them."""

import shutil
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from edgepatent_runtime.drawing import crop, decode
from edgepatent_runtime.errors import InputError
from edgepatent_runtime.index import Index
from edgepatent_runtime.search.request import Query
from edgepatent_synthetic import render
from edgepatent_synthetic.draw import Draw
from edgepatent_synthetic.lettering import Lettering, lettered


def figure(design: int, view: int) -> npt.NDArray[np.uint8]:
    page = render(f"synthetic:seed=3,design={design},view={view},captions=0,size=700")
    return crop(page, (0, 0, 900, 900))


def write_sheet(path: Path, design: int, views: tuple[int, ...]) -> None:
    """Figures one above the other, "FIG. n" below each."""
    blocks = []
    for view in views:
        letters = lettered(f"FIG. {view + 1}", Lettering(height=50), Draw(1))
        for block, above in ((figure(design, view), 90), (letters, 60)):
            sides = (100, 1100 - block.shape[1])
            blocks.append(np.pad(block, ((above, 0), sides), constant_values=255))
    blocks.append(np.full((90, 1200), 255, np.uint8))
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.concatenate(blocks)).save(path)


@pytest.fixture(scope="module")
def sheets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three patents with a sheet of two figures and one of one."""
    folder = tmp_path_factory.mktemp("sheets")
    for design in range(3):
        write_sheet(folder / f"P{design}" / "sheet-1.png", design, (0, 1))
        write_sheet(folder / f"P{design}" / "sheet-2.png", design, (2,))
    return folder


@pytest.fixture(scope="module")
def index(sheets: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("index") / "index"
    with Index.create(folder) as made:
        assert made.add(sheets, figures=True).added == 3 * (2 + 2)
    return folder


def test_a_figure_finds_its_sheet_and_its_patent(sheets: Path, index: Path) -> None:
    with Index.open(index) as opened:
        assert opened.info().drawings == 12
        page = decode(sheets / "P1" / "sheet-1.png")
        (hit, *_) = opened.search(np.ascontiguousarray(figure(1, 1)))
    assert hit.patent_id == "P1"
    best = hit.drawings[0]
    assert best.figure == "2"
    assert best.image.box is not None
    _, y, width, height = best.image.box
    assert y > page.shape[0] / 2
    assert best.image.path == str(sheets / "P1" / "sheet-1.png")
    # A sheet and its figures are one entry.
    assert len(hit.drawings) == 2
    pixels = best.pixels()
    assert pixels is not None
    assert pixels.shape == (height, width)


def test_a_second_run_and_pruning_leave_figures_alone(
    sheets: Path, index: Path, tmp_path: Path
) -> None:
    copy = shutil.copytree(index, tmp_path / "copy")
    with Index.open(copy) as opened:
        again = opened.add(sheets, figures=True, prune=True)
        assert (again.unchanged, again.added, again.removed) == (6, 0, 0)
        assert opened.info().drawings == 12


def test_a_changed_sheet_changes_its_figures_and_a_vanished_one_takes_them_along(
    sheets: Path, index: Path, tmp_path: Path
) -> None:
    moved = Path(shutil.copytree(sheets, tmp_path / "sheets"))
    with Index.create(tmp_path / "index") as made:
        made.add(moved, figures=True)
        write_sheet(moved / "P0" / "sheet-1.png", 7, (4,))
        (moved / "P1" / "sheet-1.png").unlink()
        made.add(moved, figures=True, prune=True)
        assert made.info().drawings == 12 - 2 - 3
        assert not made.verify()


def test_without_figures_sheets_are_whole(sheets: Path, tmp_path: Path) -> None:
    with Index.create(tmp_path / "index") as made:
        assert made.add(sheets).added == 6


def test_one_figure_of_a_sheet_is_asked(sheets: Path, index: Path) -> None:
    sheet = str(sheets / "P2" / "sheet-1.png")
    with Index.open(index) as opened:
        result = opened.search(Query(sheet, figure="2"))
        (view,) = result.views
        assert view.name == f"{sheet}#figure=2"
        assert view.page.shape[0] < decode(Path(sheet)).shape[0] / 2
        with pytest.raises(InputError, match="no such figure on the sheet; it shows 1, 2"):
            opened.search(Query(sheet, figure="9"))
    with pytest.raises(InputError, match="not both"):
        Query(sheet, crop=(0, 0, 5, 5), figure="2")
