"""Figures stored beside their sheets: added, kept, found, forgotten with them."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sheet_files import figure, write_patents, write_sheet

from edgepatent_runtime.bundle import Bundle
from edgepatent_runtime.collection import apart
from edgepatent_runtime.collection.embedding import embed
from edgepatent_runtime.drawing import beside, decode, normalise
from edgepatent_runtime.encoder import Encoder
from edgepatent_runtime.errors import InputError
from edgepatent_runtime.index import Index
from edgepatent_runtime.record import ImageRef, Skipped
from edgepatent_runtime.search.request import Query


@pytest.fixture(scope="module")
def sheets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three patents with a sheet of two figures and one of one."""
    folder = tmp_path_factory.mktemp("sheets")
    write_patents(folder, 3)
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


def test_a_sheet_is_asked_with_its_figures(sheets: Path, index: Path) -> None:
    sheet = str(sheets / "P2" / "sheet-1.png")
    with Index.open(index) as opened:
        result = opened.search(sheet)
        names = [sheet, f"{sheet}#figure=1", f"{sheet}#figure=2"]
        assert [view.name for view in result.views] == names
        assert [view.of for view in result.views] == [None, sheet, sheet]
        assert result[0].patent_id == "P2"
        assert result[0].score > 0.95
        whole = opened.search(sheet, whole=True, not_itself=True)
        assert [view.name for view in whole.views] == [sheet]
        parts = [opened.search(Query(sheet, figure=one), not_itself=True) for one in ("1", "2")]
        both = opened.search(sheet, not_itself=True)
        alone = {hit.patent_id: hit.score for hit in whole}
        shown = [{hit.patent_id: hit.score for hit in part} for part in parts]
        for hit in both:
            mean = (shown[0][hit.patent_id] + shown[1][hit.patent_id]) / 2
            expected = 0.75 * alone[hit.patent_id] + 0.25 * mean
            assert hit.score == pytest.approx(expected, abs=1e-5)


def test_a_file_of_several_pages_is_asked_with_those_that_are_drawings(
    sheets: Path, index: Path, tmp_path: Path
) -> None:
    tiff = tmp_path / "patent.tiff"
    blank, *pages = (
        Image.new("L", (1200, 1600), 255),
        *(Image.open(sheets / "P1" / f"sheet-{n}.png") for n in (1, 2)),
    )
    blank.save(tiff, save_all=True, append_images=pages)
    with Index.open(index) as opened:
        result = opened.search(tiff)
        names = [f"{tiff}#page=2", f"{tiff}#page=3"]
        assert [view.name for view in result.views if view.of is None] == names
        assert result[0].patent_id == "P1"
        # A figure is looked for on all of them.
        (view,) = opened.search(Query(str(tiff), figure="3")).views
        assert view.name == f"{tiff}#page=3#figure=3"
        assert len(opened.search(Query(str(tiff), page=3)).views) == 1


def test_figures_are_stored_between_two_drawings_of_them(tiny_bundle: Bundle) -> None:
    encoder = Encoder(tiny_bundle)
    size = tiny_bundle.info.size
    drawings = [normalise(figure(design, 0), size) for design in range(3)]
    images = [ImageRef("a.png"), ImageRef("a.png", box=(0, 0, 9, 9)), ImageRef("b.png")]
    stored = embed(encoder, drawings, images)
    alone = encoder.encode(np.stack(drawings)[:, None])
    small = encoder.encode(beside(drawings[1])[None, None])[0]
    np.testing.assert_allclose(stored[[0, 2]], alone[[0, 2]], atol=1e-6)
    middle = alone[1] + small
    np.testing.assert_allclose(stored[1], middle / np.linalg.norm(middle), atol=1e-5)


class StopHereError(Exception):
    """Ctrl-C."""


@pytest.fixture
def whole(sheets: Path, tmp_path: Path) -> Index:
    """An index of whole sheets, as earlier versions made it, of a copy of the sheets."""
    copy = Path(shutil.copytree(sheets, tmp_path / "sheets"))
    made = Index.create(tmp_path / "index")
    made.add(copy)
    return made


def stored(index: Index) -> set[tuple[str, str | None, object]]:
    return {(one.path, one.figure, one.image.box) for patent in index for one in patent.drawings}


def test_an_old_index_gets_its_figures(whole: Index, index: Path) -> None:
    assert whole.rebuild(figures=True) == 6
    with Index.open(index) as made_with_figures:
        assert stored(whole) == stored(made_with_figures)
    assert all(one.thumbnail() for patent in whole for one in patent.drawings)
    assert whole.rebuild(figures=True) == 0
    assert not whole.verify()


def test_taking_apart_goes_on_where_it_was_interrupted(
    whole: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apart, "BATCH", 1)
    counts: list[int] = []

    def interrupted(_: str, done: int, total: int | None) -> None:
        counts.append(done)
        if done == 3:
            raise StopHereError

    with pytest.raises(StopHereError):
        whole.rebuild(figures=True, progress=interrupted)
    rest: list[int] = []
    # P0's two sheets and P1's first are done: four figures.
    assert whole.info().drawings == 6 + 4
    added = whole.rebuild(figures=True, progress=lambda _, done, total: rest.append(done))
    assert (counts, rest, added) == ([1, 2, 3], [1, 2, 3], 2)


def test_sources_that_are_gone_are_named_and_upgraded_when_they_are_back(
    whole: Index, tmp_path: Path
) -> None:
    folder = tmp_path / "sheets"
    (folder / "P1").rename(tmp_path / "away")
    skipped = Skipped()
    assert whole.rebuild(figures=True, skipped=skipped) == 4
    assert skipped.counts == {f"gone from {folder}: bring it back and do this again": 2}
    assert len(whole["P1"].drawings) == 2
    (tmp_path / "away").rename(folder / "P1")
    assert whole.rebuild(figures=True) == 2
