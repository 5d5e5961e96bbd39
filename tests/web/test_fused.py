"""An image and words at once: what both rank, as people read it."""

from pathlib import Path
from typing import Any

from browsing import Page, ask, ids

WORD = "bottle"


def told(tab: Page) -> dict[str, tuple[str, str]]:
    """The score of each design that is shown, and how words found it."""
    return {
        one.locator(".id").inner_text(): (
            one.locator(".num").inner_text(),
            "".join(one.locator(".way").all_inner_texts()),
        )
        for one in tab.locator(".card").all()
    }


def test_scores_are_those_of_the_image_and_words_are_a_mark(tab: Page, query: Path) -> None:
    ask(tab, query)
    alike = told(tab)
    assert {way for _, way in alike.values()} == {""}
    tab.fill("#words", WORD)
    tab.press("#words", "Enter")
    called = ids(tab, "text=")
    assert 0 < len(called) < len(alike)
    assert {way for _, way in told(tab).values()} == {""}  # they filter: all have the word
    tab.get_by_label("Words rank as well").check()
    assert set(ids(tab, "fuse=")) == set(alike)
    fused = told(tab)
    assert {number: score for number, (score, _) in fused.items()} == {
        number: score for number, (score, _) in alike.items()
    }
    assert {number for number, (_, way) in fused.items() if way} == set(called)
    first = tab.locator(".card").first
    assert f"words match, score {fused[called[0]][0]}" in str(first.get_attribute("aria-label"))
    first.click()
    facts = tab.locator("dialog .facts-list")
    facts.wait_for()
    assert f"Score\n{fused[called[0]][0]}" in facts.inner_text()


def test_a_key_is_about_the_design_that_it_is_pressed_on(tab: Page, query: Path) -> None:
    """Also where one before it is folded away, since it is no close match."""

    def judged(route: Any) -> None:
        answer = route.fetch()
        document = answer.json()
        for hit in document["hits"]:
            hit.update(folded=hit["rank"] == 2)
        route.fulfill(response=answer, json=document)

    tab.route("**/api/search?*", judged)
    numbers = ask(tab, query)
    tab.locator(".card").first.focus()
    tab.keyboard.press("ArrowRight")
    tab.wait_for_selector('[data-place="1"]:focus')
    tab.keyboard.press("l")
    ids(tab, f"like={numbers[1]}")
