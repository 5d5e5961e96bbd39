import sqlite3
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgepatent_runtime.collection import words


def edits(word: str) -> set[str]:
    """Every word that is one edit away, letter by letter (Norvig's way)."""
    letters = "abc"
    parts = [(word[:n], word[n:]) for n in range(len(word) + 1)]
    return (
        {a + b[1:] for a, b in parts if b}
        | {a + b[1] + b[0] + b[2:] for a, b in parts if len(b) > 1}
        | {a + c + b[1:] for a, b in parts if b for c in letters}
        | {a + c + b for a, b in parts for c in letters}
    )


@given(st.text("abc", max_size=6), st.text("abc", max_size=6))
def test_one_edit_is_what_it_says(one: str, other: str) -> None:
    assert words.one_edit(one, other) == (one == other or other in edits(one))
    assert words.one_edit(one, other) == words.one_edit(other, one)


@pytest.mark.parametrize(
    ("text", "groups"),
    [
        ("folding chair", [["folding"], ["chair"]]),
        ("chair OR stool wooden", [["chair", "stool"], ["wooden"]]),
        ("a OR b OR c", [["a", "b", "c"]]),
        ('"folding chair" OR stool', [["folding chair", "stool"]]),
        ("OR chair", [["OR"], ["chair"]]),
        ("or", [["or"]]),
        ('"', []),
        ('chair"s', [['chair"s']]),
        ("... !", []),
    ],
)
def test_what_people_type(text: str, groups: list[list[str]]) -> None:
    assert words.parse(text) == groups


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("chiar lamp", '"chair" OR "chain" lamp'),
        # Single in quotes it is one word all the same; in a longer one, or a phrase, it is none.
        ('"chiar" lamp', '"chair" OR "chain" lamp'),
        ('chiaroscuro "chiar lamp"', 'chiaroscuro "chiar lamp"'),
        ("chiar OR lamp", '"chair" OR "chain" OR lamp'),
    ],
)
def test_what_is_meant_stands_in_the_place_of_the_whole_word(text: str, spelled: str) -> None:
    assert words.spelled(text, {"chiar": ["chair", "chain"], "lamp": []}) == spelled


@given(st.text(max_size=30))
def test_fts5_understands_whatever_is_typed(text: str) -> None:
    with closing(sqlite3.connect(":memory:")) as sql:
        sql.execute("CREATE VIRTUAL TABLE words USING fts5 (title, tokenize='porter unicode61')")
        sql.execute("INSERT INTO words VALUES ('folding chairs')")
        query = words.match(text.replace("\0", ""))
        sql.execute("SELECT rowid FROM words WHERE words MATCH ?", (query,)).fetchall()
