import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgepatent_runtime import uspc


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("D 6334", "D6-334"),
        ("D28 47", "D28-47"),
        ("D14486", "D14-486"),
        ("D 5 32", "D5-32"),
        ("D 66911", "D6-691.1"),
        ("D14138AD", "D14-138AD"),
        ("D6334", "D6-334"),
        ("D6/334", "D6-334"),
        ("d06-334", "D6-334"),
        ("US D6-334", "D6-334"),
        ("D2-960.1", "D2-960.1"),
        ("D6", "D6"),
        ("D 6", "D6"),
        ("D99", "D99"),
        ("348143", None),
        ("D", None),
        ("", None),
        (None, None),
        ("455  302", None),
        ("D14485-495", None),
    ],
)
def test_spellings(text: str | None, code: str | None) -> None:
    assert uspc.parse(text) == code


@given(st.integers(1, 99), st.integers(1, 999), st.sampled_from(["", "1", "12", "AD"]))
def test_columns_and_canonical_form_are_the_same(klass: int, subclass: int, more: str) -> None:
    code = uspc.parse(f"D{klass:2}{subclass:3}{more}")
    assert code == f"D{klass}-{subclass}{'.' if more.isdigit() else ''}{more}"
    assert uspc.parse(code) == code
    assert uspc.klass(code) == f"D{klass}"


def test_lists_keep_their_order() -> None:
    assert uspc.parse_all("D 6310, D6309; nothing, D 6310") == ("D6-310", "D6-309")
    assert uspc.parse_all(None) == ()
