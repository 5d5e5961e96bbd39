from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgepatent_runtime.sources import grant_xml
from edgepatent_runtime.sources.figure_text import view_words, views


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FIG. 3 is a top plan view thereof;", {"3": "top plan"}),
        ("FIG. 1 is a front perspective view of a rear wheel;", {"1": "front perspective"}),
        ("FIG. 2A is a left-side elevation view", {"2A": "left elevational"}),
        ("Fig. 2 B shows a back view.", {"2B": "rear"}),
        ("FIGS. 1-3 are sectional views", dict.fromkeys("123", "sectional")),
        ("FIGS. 1 and 2 are side views.", dict.fromkeys("12", "side")),
        ("FIGS. 1, 2 and 4 show side views", dict.fromkeys("124", "side")),
        ("FIGS. 2A to 2C are end views.", dict.fromkeys(("2A", "2B", "2C"), "end")),
        ("FIGS. 4 through 6 depict plan views", dict.fromkeys("456", "plan")),
        ("FIGURES 1–2 are enlarged views;", dict.fromkeys("12", "enlarged")),
        ("The FIGURE is a front view of a screen.", {"1": "front"}),
        ("The sole FIGURE shows an exploded view.", {"1": "exploded"}),
        ("1.1 : Perspective\n1.2 : Front", {"1.1": "perspective", "1.2": "front"}),
        ("FIG - 2 is a rear view;", {"2": "rear"}),
        ("FIG. 4 a perspective view thereof.", {"4": "perspective"}),
        ("FIG. 2 is a second image thereof;", {"2": None}),
        ("FIG. 8 is a cross-sectional view taken along line 8-8 in FIG. 2;", {"8": "sectional"}),
        ("FIG. 5 is a left side view of the housing of FIG. 2;", {"5": "left"}),
        (
            "FIG. 1 is a top view; FIG. 2 is a bottom view; and, FIG. 3 is a right side view.",
            {"1": "top", "2": "bottom", "3": "right"},
        ),
        (
            "FIG. 1 is a front, bottom, right-side perspective view of it",
            {"1": "front bottom right perspective"},
        ),
        ("The broken lines in FIGS. 1-7 form no part of the claimed design.", {}),
        ("Referring to FIG. 1, there is nothing.", {}),
        ("", {}),
    ],
)
def test_descriptions(text: str, expected: dict[str, str | None]) -> None:
    assert views(text) == expected


def test_the_first_description_of_a_figure_counts() -> None:
    assert views("FIG. 1 is a top view. FIG. 1 is a bottom view.") == {"1": "top"}


def test_an_absurd_range_is_not_filled() -> None:
    assert list(views("FIGS. 1-9999 are views")) == ["1", "9999"]


@given(
    st.lists(
        st.tuples(
            st.integers(1, 99),
            st.sampled_from(["front", "rear", "top plan", "left elevational", "perspective"]),
        ),
        unique_by=lambda pair: pair[0],
        max_size=20,
    )
)
def test_what_is_written_is_read(figures: list[tuple[int, str]]) -> None:
    text = "; ".join(f"FIG. {n} is a {view} view of the lamp of FIG. 1" for n, view in figures)
    assert views(text) == {str(n): view for n, view in figures}


@given(st.text(alphabet="FIGSfigs. 0123456789AB-,;:and to is a view front\n", max_size=200))
def test_any_text_is_survived(text: str) -> None:
    for number, view in views(text).items():
        assert number
        assert view is None or view_words(view) == view


def test_a_long_text_takes_no_long_time() -> None:
    assert len(views("FIG. 1, " * 20_000)) <= 1
    assert views("FIGS. " + "1 and " * 20_000) is not None


def test_real_descriptions_number_their_figures_without_gaps(shared: Path) -> None:
    files = sorted((shared / "data/uspto-grants").glob("*/*.XML"))
    assert len(files) == 50
    unseen = 0
    for file in files:
        found = views(grant_xml.parse(file.read_bytes(), file.name).description)
        numbers = [number.removeprefix("1.") for number in found]
        assert numbers == [str(n) for n in range(1, len(numbers) + 1)], file.name
        unseen += sum(view is None for view in found.values())
    # Images of an animation ("a second image thereof") and a misprint ("a from view") name none.
    assert unseen <= 10
