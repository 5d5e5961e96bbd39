import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgepatent_runtime import locarno


@pytest.mark.parametrize(
    "spelling",
    [
        "0603",
        "603",
        "06-03",
        "6-03",
        "6-3",
        "06.03",
        "06/03",
        "06 03",
        " 06-03 ",
        "LOC (13) Cl. 06-03",
        "LOC (9) Cl. 6-03",
        "Cl. 6-03",
        "LOC(14)Cl.06-03",
        "loc (10) cl. 06-03",
        "06-03, 04; 11-01",
    ],
)
def test_every_spelling_of_a_subclass(spelling: str) -> None:
    assert locarno.parse(spelling) == "06-03"


@pytest.mark.parametrize(("spelling", "code"), [("6", "06"), ("06", "06"), ("32", "32")])
def test_one_or_two_digits_are_a_class(spelling: str, code: str) -> None:
    assert locarno.parse(spelling) == code


@pytest.mark.parametrize(
    "text",
    [None, "", "None", "nan", "D14", "06-", "-03", "060301", "06-033", "06 - x", "½-03", "٠٦-٠٣"],
)
def test_what_is_no_code(text: str | None) -> None:
    assert locarno.parse(text) is None


@given(klass=st.integers(0, 99), subclass=st.integers(0, 99))
def test_all_spellings_agree(klass: int, subclass: int) -> None:
    code = f"{klass:02}-{subclass:02}"
    for separator in "-/. ":
        assert locarno.parse(f"{klass:02}{separator}{subclass:02}") == code
        assert locarno.parse(f"{klass}{separator}{subclass:02}") == code
    assert locarno.parse(f"{klass:02}{subclass:02}") == code


@given(st.text(max_size=20))
def test_parse_gives_a_canonical_code_or_nothing(text: str) -> None:
    code = locarno.parse(text)
    if code is not None:
        assert locarno.parse(code) == code
        assert len(code) in (2, 5)
        klass, subclass = locarno.labels(code)
        assert (klass is None) == (not locarno.is_known(code))
        assert subclass in (None, code)


@pytest.mark.parametrize(
    ("code", "labels"),
    [
        ("06-01", ("06", "06-01")),
        ("06", ("06", None)),
        ("23-02", ("23", "23-02")),  # gone since the 9th edition
        ("14-06", ("14", "14-06")),  # not yet in the 9th
        ("32-00", ("32", "32-00")),
        ("06-55", (None, None)),
        ("33", (None, None)),
        ("00", (None, None)),
        (None, (None, None)),
    ],
)
def test_labels(code: str | None, labels: tuple[str | None, str | None]) -> None:
    assert locarno.labels(code) == labels


def test_names() -> None:
    assert locarno.name("06") == "Furnishing"
    assert locarno.name("06-01") == "Seats"
    assert locarno.name("06-99") == "Miscellaneous"
    assert locarno.name("06-55") is None
    assert all(locarno.name(code) for code in locarno.codes() if "-" not in code)


def test_the_table_holds_all_codes_of_the_editions_at_hand(shared: Path) -> None:
    facts = json.loads((shared / "data/locarno/locarno.json").read_text())
    expected = {*facts["classes"], *facts["subclass_codes"], *facts["subclass_names_9th"]}
    assert set(locarno.codes()) == expected
    assert list(locarno.codes()) == sorted(expected)
    for code in facts["subclass_names_9th"]:
        assert locarno.name(code), code
    for code, name in facts["classes"].items():
        assert locarno.name(code) == name
