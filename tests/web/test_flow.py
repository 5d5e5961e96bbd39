"""The page in a real browser, as people work with it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from browsing import Page, ask, closed, data_transfer, ids
from page_server import Server

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")


def test_from_a_dropped_drawing_to_the_report(tab: Page, server: Server, query: Path) -> None:
    # Drop, and there are hits.
    transfer = data_transfer(tab, query)
    tab.dispatch_event("[data-drop]", "drop", {"dataTransfer": transfer})
    everything = ids(tab, "image=")
    assert len(everything) == 24

    # Narrow by Locarno: the address says so, and Back takes it back.
    pick = tab.locator(".tree .pick").first
    count = int(pick.locator(".count").inner_text())
    pick.click()
    assert len(ids(tab, "locarno=")) == count < 24
    assert tab.locator(".chips button").count() == 1
    tab.go_back()
    assert ids(tab, "^(?!.*locarno=)") == everything

    # Begin a matter, open the best hit, rate and note it.
    tab.locator("[data-matter]").select_option("+")
    tab.get_by_label("Name of the matter").fill("Dropped case")
    tab.keyboard.press("Enter")
    tab.get_by_role("button", name="Keep this search").wait_for()
    tab.locator(".card").first.click()
    design = tab.locator("dialog .design")
    design.wait_for()
    design.get_by_role("button", name="relevant").click()
    tab.wait_for_selector('dialog .relevant[aria-pressed="true"]')
    design.get_by_label("Note").fill("the same seat")
    with tab.expect_response(lambda answer: "/decisions/" in answer.url):
        design.get_by_label("Note").blur()

    # Compare it with the query, side by side, then overlaid, then see where they match.
    tab.locator("dialog").get_by_role("button", name="Compare").click()
    tab.wait_for_selector(".panes .stage:nth-child(2) img")
    tab.keyboard.press("+")
    tab.wait_for_selector('.panes img[style*="scale(1.4)"]')
    transforms = tab.locator(".panes img").evaluate_all("all => all.map(i => i.style.transform)")
    assert transforms[0] == transforms[1] != ""
    tab.keyboard.press("o")
    tab.wait_for_selector(".panes.overlay")
    tab.keyboard.press("m")
    tab.wait_for_selector("canvas.heat")
    # Out of the comparison, back in the design, out of that too.
    tab.keyboard.press("Escape")
    tab.wait_for_selector("dialog .design")
    tab.keyboard.press("Escape")
    closed(tab)

    # Keep the search, and print the report.
    tab.get_by_role("button", name="Keep this search").click()
    tab.get_by_text("Kept in “Dropped case”").wait_for()
    tab.goto(f"{server.root}/matters/Dropped case")
    tab.wait_for_selector(".rated li")
    with tab.expect_popup() as opened:
        tab.get_by_role("link", name="Report to print").click()
    report = opened.value
    report.wait_for_selector(".hit")
    assert "the same seat" in report.inner_text(".hit")
    assert report.locator(".query image").count() == 1

    # The file that is kept is the record that `edgepatent replay` takes.
    matter = server.home / ".local/share/edgepatent/matters/Dropped case"
    (kept,) = (matter / "searches").glob("*.json")
    assert len(json.loads(kept.read_text())["hits"]) == 24
    (image,) = (matter / "queries").iterdir()
    assert image.read_bytes() == query.read_bytes()


def test_a_pasted_drawing_is_searched_with(tab: Page, query: Path) -> None:
    transfer = data_transfer(tab, query)
    tab.evaluate(
        "(data) => document.dispatchEvent("
        "new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }))",
        transfer,
    )
    assert len(ids(tab, "image=")) == 24


def test_a_sketch_is_drawn_and_a_query_cropped(tab: Page) -> None:
    tab.get_by_role("button", name="Draw").click()
    canvas = tab.locator("dialog canvas")
    box = canvas.bounding_box()
    tab.mouse.move(box["x"] + 100, box["y"] + 100)
    tab.mouse.down()
    for x, y in ((400, 100), (400, 300), (100, 300), (100, 100), (400, 300)):
        tab.mouse.move(box["x"] + x, box["y"] + y, steps=4)
    tab.mouse.up()
    tab.locator("dialog").get_by_role("button", name="Search").click()
    assert ids(tab, "image=")
    (first,) = re.findall(r"image=(\w+)", tab.url)

    # Over the sketch: a crop, a turn, a mirror.
    tab.get_by_role("button", name="Crop, turn or draw over view 1").click()
    canvas = tab.locator("dialog canvas")
    canvas.wait_for()
    size = canvas.evaluate("c => [c.width, c.height]")
    tab.get_by_role("button", name="Turn right").click()
    assert canvas.evaluate("c => [c.width, c.height]") == size[::-1]
    tab.get_by_role("button", name="Mirror").click()
    box = canvas.bounding_box()
    tab.mouse.move(box["x"] + 5, box["y"] + 5)
    tab.mouse.down()
    tab.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=5)
    tab.mouse.up()
    cropped = canvas.evaluate("c => [c.width, c.height]")
    assert cropped[0] < size[1]
    assert cropped[1] < size[0]
    tab.locator("dialog").get_by_role("button", name="Search").click()
    assert ids(tab, f"image=(?!{first})")


def test_keys_alone_are_enough(tab: Page, query: Path) -> None:
    found = ask(tab, query)
    tab.locator(".card").first.focus()
    tab.keyboard.press("ArrowRight")
    tab.wait_for_selector('[data-place="1"]:focus')
    tab.keyboard.press("ArrowDown")
    tab.wait_for_selector('.card:not([data-place="0"], [data-place="1"], [data-place="2"]):focus')
    tab.keyboard.press("Home")
    tab.wait_for_selector('[data-place="0"]:focus')
    tab.keyboard.press("Enter")
    stage = tab.locator("dialog .design .stage")
    before = stage.get_attribute("aria-label")
    tab.keyboard.press("ArrowRight")
    sync_api.expect(stage).not_to_have_attribute("aria-label", before)
    tab.keyboard.press("Escape")
    closed(tab)
    tab.wait_for_selector('[data-place="0"]:focus')
    tab.keyboard.press("l")
    alike = ids(tab, "like=")
    assert len(alike) == 23
    assert found[0] not in alike
    tab.keyboard.press("/")
    tab.wait_for_selector("#words:focus")
    tab.keyboard.type("chair")
    tab.keyboard.press("Enter")
    assert ids(tab, "text=chair")


def test_rating_hides_noise_from_the_next_search(tab: Page, query: Path) -> None:
    noise = ask(tab, query)[2]
    tab.locator("[data-matter]").select_option("+")
    tab.get_by_label("Name of the matter").fill("Noisy")
    tab.keyboard.press("Enter")
    tab.get_by_role("button", name="Keep this search").wait_for()
    tab.locator(".card").nth(2).focus()
    tab.keyboard.press("3")
    tab.wait_for_selector('[data-place="2"].is-noise')
    tab.reload()
    left = ids(tab)
    assert len(left) == 23
    assert noise not in left


def test_dates_narrow_by_the_slider(tab: Page, query: Path) -> None:
    everything = ask(tab, query)
    slider = tab.get_by_label("From year")
    slider.focus()
    for _ in range(3):
        slider.press("ArrowRight")
    assert len(ids(tab, "since=201[1-3]-01-01")) < len(everything)


def test_applicants_and_countries_narrow(tab: Page, query: Path) -> None:
    ask(tab, query)
    tab.get_by_role("button", name="Lamp GmbH 18").click()
    assert len(ids(tab, "applicants=Lamp")) == 18
    tab.get_by_role("button", name="DE 9").click()
    assert len(ids(tab, "countries=DE")) == 9
    chips = tab.get_by_role("list", name="Filters")
    assert chips.inner_text().splitlines() == ["Applicant Lamp GmbH", "Country DE"]
    chips.get_by_text("Applicant").click()
    assert len(ids(tab, r"^(?!.*applicants=)")) == 12
    tab.get_by_role("button", name="Lamp GmbH 9").click()
    ids(tab, "applicants=Lamp")
    tab.locator(".card").first.click()
    facts = tab.locator("dialog .facts-list")
    facts.wait_for()
    assert "Applicant\nLamp GmbH" in facts.inner_text()


def test_hits_that_are_no_close_match_are_folded_away(tab: Page, query: Path) -> None:
    # An index of so few designs cannot tell: the answer of one that can.
    def judged(route: Any) -> None:
        answer = route.fetch()
        document = answer.json()
        for hit in document["hits"]:
            sure = {1: 0.997, 2: 0.3}.get(hit["rank"], 0.01)
            verdict = {1: "the same design", 2: "similar"}.get(hit["rank"], "no close match")
            hit.update(probability=sure, verdict=verdict, folded=hit["rank"] > 2)
        route.fulfill(response=answer, json=document)

    tab.route("**/api/search?*", judged)
    assert len(ask(tab, query)) == 2
    badges = tab.locator(".card .badge").all_inner_texts()
    assert badges == ["the same design 99 %", "similar 30 %"]
    folded = tab.locator(".folded")
    assert folded.inner_text().startswith("22 more are no close match.")
    folded.get_by_role("button", name="Show them").click()
    tab.wait_for_selector('[data-place="2"]:focus')
    assert len(ids(tab)) == 24
    tab.locator(".card").first.click()
    tab.locator("dialog .facts-list").get_by_text("the same design 99 %").wait_for()


def test_a_class_is_suggested_and_narrows(tab: Page, query: Path) -> None:
    ask(tab, query)
    tab.get_by_role("button", name="Classify").click()
    box = tab.get_by_role("dialog", name="Locarno classes")
    guess = box.locator(".guess").first
    guess.wait_for()
    code = guess.locator("span").first.inner_text().split()[0]
    assert guess.locator(".evidence img").count() > 0
    guess.get_by_role("button", name="Narrow to it").click()
    assert ids(tab, f"locarno={code}")
    assert tab.locator("dialog").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440, 3840])
def test_every_width_fits_in_light_and_dark_for_everybody(
    tab: Page, query: Path, width: int, scheme: str
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="no axe-core").Axe()
    tab.set_viewport_size({"width": width, "height": 844})
    tab.emulate_media(color_scheme=scheme, reduced_motion="reduce")

    def check() -> None:
        overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert tab.evaluate(overflow) <= 0
        found = axe.run(tab).response["violations"]
        serious = [
            (one["id"], [node["html"] for node in one["nodes"]])
            for one in found
            if one["impact"] in ("serious", "critical")
        ]
        assert not serious

    check()
    ask(tab, query)
    tab.wait_for_selector(".narrow .tree", state="attached")
    check()
    tab.locator(".card").first.click()
    tab.wait_for_selector("dialog .design")
    check()
