import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgepatent_runtime.patent_id import SheetName, canonical, is_front_page, parse_sheet

NUMBERS = st.integers(10_000, 9_999_999)


@pytest.mark.parametrize(
    "spelling",
    [
        "USD0907292",
        "USD907292",
        "USD907292S",
        "USD907292S1",
        "USD0907292-20210105",
        "US D907292 S1",
        "US D907,292 S",
        "US-D907292-S1",
        "usd907292",
        "D907292",
        "D0907292",
        "D 907,292",
        "D. 907292",
        "Des. 907,292",
        "  USD0907292 ",
    ],
)
def test_every_spelling_of_a_design_patent_is_the_same(spelling: str) -> None:
    assert canonical(spelling) == "USD0907292"


@pytest.mark.parametrize(
    "other",
    ["acorn", "d20", "D12", "US9636830B2", "USPP12345", "EM008123456-0001", "D12345678", "", "DES"],
)
def test_other_ids_are_kept(other: str) -> None:
    assert canonical(other) == other


def test_early_designs_need_their_office() -> None:
    assert canonical("USD1") == "USD0000001"
    assert canonical("D1") == "D1"


@given(
    number=NUMBERS,
    office=st.sampled_from(["US", "us ", "US-", ""]),
    kind=st.sampled_from(["D", "D ", "Des. ", "D-", "DES"]),
    commas=st.booleans(),
    zeros=st.booleans(),
    suffix=st.sampled_from(["", "S", " S1", "-S1", "S1-20210105", "-20210105"]),
)
def test_spellings_made_of_parts(
    number: int, office: str, kind: str, commas: bool, zeros: bool, suffix: str
) -> None:
    digits = f"{number:,}" if commas else f"{number:07}" if zeros else str(number)
    assert canonical(f"{office}{kind}{digits}{suffix}") == f"USD{number:07}"


@given(st.text(max_size=40))
def test_canonical_is_idempotent(text: str) -> None:
    once = canonical(text)
    assert canonical(once) == once


@given(
    number=st.integers(1, 9_999_999),
    sheet=st.integers(0, 99_999),
    segment=st.none() | st.integers(0, 9_999),
    suffix=st.sampled_from([".TIF", ".png", ".jpeg", ""]),
)
def test_sheet_names_are_read_back(
    number: int, sheet: int, segment: int | None, suffix: str
) -> None:
    cut = "" if segment is None else f"_{segment}"
    name = f"USD{number:07}-20190101-D{sheet:05}{cut}{suffix}"
    assert parse_sheet(name) == SheetName(f"USD{number:07}", "20190101", sheet, segment)
    assert is_front_page(name) == (sheet == 0)


@pytest.mark.parametrize("name", ["front.png", "D00000.TIF", "USD0907292-20210105.XML", ""])
def test_other_names_are_no_sheets(name: str) -> None:
    assert parse_sheet(name) is None
    assert not is_front_page(name)
