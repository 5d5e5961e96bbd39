"""Kin and twins on the page, and designs without a title that words find by their look."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from browsing import PATIENCE, Page
from bundles import write_tiny_bundle
from page_server import Server, serving
from wordings import taught

from edgepatent_runtime.bundle import Bundle, Part, write_info
from edgepatent_runtime.index import Index


@pytest.fixture(scope="module")
def server(drawings: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The page over the same drawings without titles, by a model of two parts that knows words."""
    folder = tmp_path_factory.mktemp("kin")
    shutil.copytree(drawings, folder / "drawings")
    (folder / "drawings" / "metadata.csv").unlink()
    made = write_tiny_bundle(folder / "model")
    parts = {"kin": Part(list(range(20)), 0.3), "twin": Part(list(range(20, 64)), 0.7)}
    write_info(made.folder, msgspec.structs.replace(made.info, parts=parts))
    with Index.create(folder / "index", taught(Bundle(made.folder))) as index:
        index.add(folder / "drawings")
    with serving(folder / "index", folder) as running:
        yield running


def answer(tab: Page, act: Any, part: str) -> Any:
    """What the page is answered to what ``act`` does, once it shows it."""
    with tab.expect_response(lambda one: "/api/search?" in one.url and part in one.url) as response:
        act()
    tab.wait_for_selector('.found[aria-busy="false"]')
    return response.value.json()


def test_kin_is_chosen_in_words_and_kept_in_the_address(tab: Page, query: Path) -> None:
    plain = answer(tab, lambda: tab.set_input_files("#file", query), "image=")
    choice = tab.get_by_role("group", name="Look for")
    assert choice.get_by_role("radio", name="both").is_checked()
    kind = choice.get_by_role("radio", name="other designs of its kind")
    kin = answer(tab, kind.check, "kin=1")
    assert "kin=1" in tab.url
    assert tab.get_by_role("radio", name="other designs of its kind").is_checked()
    scores = [[hit["score"] for hit in one["hits"]] for one in (plain, kin)]
    assert scores[0] != scores[1]
    tab.reload()
    tab.wait_for_selector(".card")
    assert tab.get_by_role("radio", name="other designs of its kind").is_checked()
    answer(tab, tab.get_by_role("radio", name="the same design").check, "kin=0")
    answer(tab, tab.get_by_role("radio", name="both").check, "image=")
    assert "kin=" not in tab.url


def test_words_find_what_has_no_title_by_its_look(tab: Page) -> None:
    tab.fill("#words", "quarzy guitar")
    found = answer(tab, lambda: tab.press("#words", "Enter"), "text=")
    assert {hit["found_by"] for hit in found["hits"]} == {"look"}
    assert set(tab.locator(".card .way").all_inner_texts()) == {"by its look"}
    # A sum of ranks says nothing to people.
    assert set(tab.locator(".card .num").all_text_contents()) == {""}
    notes = tab.locator("[data-notes]").inner_text()
    assert notes == "the model does not know 'quarzy': other words decide"
    assert tab.get_by_role("group", name="Look for").count() == 0


def test_what_is_not_close_is_shown_where_nothing_is_closer(tab: Page, query: Path) -> None:
    def judged(route: Any) -> None:
        response = route.fetch()
        document = response.json()
        for hit in document["hits"]:
            hit.update(probability=0.02, verdict="no close match", folded=False)
        document["notes"] = ["no close match: these are the nearest designs"]
        route.fulfill(response=response, json=document)

    tab.route("**/api/search?*", judged)
    tab.set_input_files("#file", query)
    tab.wait_for_selector(".card", timeout=PATIENCE)
    assert tab.locator(".card").count() == 24
    assert not tab.locator(".folded").is_visible()
    assert (
        "no close match: these are the nearest designs" in tab.locator("[data-notes]").inner_text()
    )
