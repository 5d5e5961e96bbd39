from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgepatent_runtime import dates


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("Mar. 13, 2007", "2007-03-13"),
        ("May 8, 2012", "2012-05-08"),
        ("May 11,2021", "2021-05-11"),
        ("Apr.21, 2015", "2015-04-21"),
        ("Sept. 9, 2008", "2008-09-09"),
        ("August 25 2009", "2009-08-25"),
        ("JAN. 1st, 2019", "2019-01-01"),
        ("13 March 2007", "2007-03-13"),
        ("13-Mar-2007", "2007-03-13"),
        ("2007-03-13", "2007-03-13"),
        ("2007-3-13", "2007-03-13"),
        ("2007/03/13", "2007-03-13"),
        ("2007.03.13", "2007-03-13"),
        ("20070313", "2007-03-13"),
        ("2007-03-13T00:00:00Z", "2007-03-13"),
        (" 2007-03-13 00:00 ", "2007-03-13"),
        ("03/04/2007", None),
        ("2007-3/13", None),
        ("2007133", None),
        ("2007-02-30", None),
        ("Foo. 13, 2007", None),
        ("0000-01-01", None),
        ("2007", None),
        ("", None),
        (None, None),
    ],
)
def test_parse(text: str | None, iso: str | None) -> None:
    assert dates.parse(text) == iso


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("2007", "2007-01-01"),
        (" 2007 ", "2007-01-01"),
        ("2007-03", "2007-03-01"),
        ("2007/3", "2007-03-01"),
        ("2007-03-13", "2007-03-13"),
        ("Mar. 13, 2007", "2007-03-13"),
        ("2007-13", None),
        ("0000", None),
        ("200703", None),
        ("207", None),
        ("", None),
        (None, None),
    ],
)
def test_a_year_or_month_alone_is_its_first_day(text: str | None, iso: str | None) -> None:
    assert dates.first_day(text) == iso


@given(st.dates())
def test_every_spelling_of_a_day_is_the_same(day: date) -> None:
    iso = day.isoformat()
    english = f"{day:%B} {day.day}, {day.year:04}"
    for text in (
        iso,
        f"{day.year:04}{day.month:02}{day.day:02}",
        english,
        f"{english[:3]}. {english.split(' ', 1)[1]}",
    ):
        assert dates.parse(text) == iso


@given(st.text(max_size=30))
def test_any_text_is_a_date_or_none(text: str) -> None:
    iso = dates.parse(text)
    assert iso is None or date.fromisoformat(iso).isoformat() == iso
