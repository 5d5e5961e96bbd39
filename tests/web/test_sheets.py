"""Sheets of several figures, files of several pages and work on an index, in a real browser."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import hostile
import pytest
from browsing import Page, ask, closed, ids
from page_server import Server, serving
from PIL import Image
from sheet_files import write_patents

from edgepatent_runtime.bundle import Bundle
from edgepatent_runtime.index import Index


@pytest.fixture(scope="module")
def sheets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two patents with a sheet of two figures and one of one."""
    folder = tmp_path_factory.mktemp("sheets")
    write_patents(folder, 2)
    return folder


@pytest.fixture(scope="module")
def server(
    sheets: Path, tiny_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A server over an index of these, with figures, that tests may add to."""
    folder = tmp_path_factory.mktemp("sheets-index") / "index"
    with Index.create(folder, tiny_bundle) as made:
        made.add(sheets, figures=True)
    with serving(folder, tmp_path_factory.mktemp("sheets-home")) as running:
        yield running


def test_a_sheet_shows_its_figures_to_choose_from(tab: Page, sheets: Path) -> None:
    assert ask(tab, sheets / "P0" / "sheet-1.png")[0] == "P0"
    group = tab.get_by_role("group", name="Figures of the sheet")
    group.get_by_text("Searched with the sheet and its 2 figures").wait_for()
    assert group.get_by_role("button", pressed=True).inner_text() == "Sheet"
    group.get_by_role("button", name="Fig. 2").click()
    assert ids(tab, r"image=\w+:1:")[0] == "P0"
    tab.wait_for_selector('.figures [aria-pressed="true"]:has-text("Fig. 2")')
    # The figure that is found lies on a sheet.
    tab.locator(".card").first.click()
    place = tab.locator("dialog .place")
    place.wait_for()
    assert place.inner_text() == "Fig. 2 on its sheet"
    assert place.locator("img").evaluate(
        "image => image.decode().then(() => image.naturalHeight > image.naturalWidth)"
    )
    tab.keyboard.press("Escape")
    closed(tab)
    tab.go_back()
    assert ids(tab, r"image=\w+$")


def test_pages_of_a_file_are_chosen(tab: Page, sheets: Path, tmp_path: Path) -> None:
    tiff = tmp_path / "patent.tiff"
    blank, *pages = (
        Image.new("L", (1200, 1600), 255),
        *(Image.open(sheets / "P1" / f"sheet-{number}.png") for number in (1, 2)),
    )
    blank.save(tiff, save_all=True, append_images=pages)
    tab.set_input_files("#file", str(tiff))
    box = tab.locator("dialog", has_text="Which pages are meant?")
    assert box.get_by_role("button", name="Search").is_disabled()
    box.get_by_label("Page 3").check()
    box.get_by_role("button", name="Search").click()
    assert ids(tab, r"image=\w+:3$")[0] == "P1"
    tab.set_input_files("#file", str(tiff))
    box.get_by_role("button", name="All drawings").click()
    assert ids(tab, r"image=\w+$")[0] == "P1"
    tab.get_by_text("Searched with the sheet and its 3 figures").wait_for()


def test_a_photograph_is_taken_by_the_camera(tab: Page, sheets: Path) -> None:
    with tab.expect_file_chooser() as chooser:
        tab.get_by_role("button", name="Photograph").click()
    assert chooser.value.element.get_attribute("capture") == "environment"
    chooser.value.set_files(str(sheets / "P1" / "sheet-2.png"))
    assert ids(tab, "image=")[0] == "P1"


def test_a_folder_is_added_by_clicks_and_another_cancelled(
    tab: Page, server: Server, sheets: Path
) -> None:
    more = server.home / "more" / "P7"
    more.mkdir(parents=True)
    shutil.copy(sheets / "P0" / "sheet-2.png", more / "changed.png")
    Image.open(more / "changed.png").rotate(90, expand=True).save(more / "changed.png")
    # Work that is certainly not done before it is cancelled: PDFium asks for days.
    slow = server.home / "slow"
    slow.mkdir()
    (slow / "slow.pdf").write_bytes(hostile.pdf_of_forms(30, 8))

    def add(name: str) -> None:
        tab.get_by_role("button", name="Add a folder …").click()
        box = tab.get_by_role("dialog", name="Add a folder")
        box.get_by_role("button", name=name, exact=True).click()
        tab.wait_for_function(
            "name => document.querySelector('dialog input').value.endsWith('/' + name)", arg=name
        )
        box.get_by_role("button", name="Add", exact=True).click()

    tab.get_by_role("link", name="Indexes").click()
    add("slow")
    tab.get_by_role("progressbar", name=f"Adding {slow}").wait_for()
    tab.get_by_role("button", name="Cancel").click()
    tab.locator("[data-jobs]").get_by_text("Cancelled; what was done so far is kept.").wait_for()
    add("more")
    tab.locator("[data-jobs]").get_by_text("1 added.").wait_for()
    # What was added is found, without a restart.
    tab.get_by_role("link", name="edgepatent").click()
    assert "P7" in ask(tab, more / "changed.png")
