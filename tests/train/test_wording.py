"""The text side, fitted: what it learns, from how much, and that it learns the same again."""

from pathlib import Path

import numpy as np
import pytest
from wordings import KINDS, THINGS, around, centres, fitted, titles

from edgepatent_runtime.bundle import CARD, SIGNATURE, WORDS, Bundle
from edgepatent_runtime.errors import BundleError, InputError
from edgepatent_train.wording import by_class, fit, read_titles, with_words

D = 24


def test_the_same_titles_give_the_same_bytes() -> None:
    assert fitted(D).to_bytes() == fitted(D).to_bytes()


def test_classes_of_titles_without_drawings_teach_words_of_other_kinds() -> None:
    """No drawing is called a stool; titles say that stools are of the class of chairs."""
    drawn = around([title.split()[1] for title in titles()], D)
    called = [(title, str(THINGS.index(title.split()[1]))) for title in titles()]
    called += [(f"{kind} stool", "0") for kind in KINDS]
    alone, told = fit(titles(), drawn), fit(titles(), drawn, by_class(called))
    assert alone.place("stool").direction is None
    direction = told.place("stool").direction
    assert direction is not None
    assert int(np.argmax(centres(D) @ direction)) == THINGS.index("chair")
    assert told.place("stool").unknown == []


def test_a_handful_of_titles_is_refused() -> None:
    drawn = around(["chair"] * 60, D)
    with pytest.raises(InputError, match="1 titles are too few"):
        fit(["chair"] * 60, drawn)


def test_titles_are_read_with_their_classes(tmp_path: Path) -> None:
    file = tmp_path / "titles.csv"
    file.write_text('title,uspc_d\nWall charger,D13108\nDisplay,"D 6310, D6309"\nNothing,?\n')
    assert read_titles(file) == [("Wall charger", "D13"), ("Display", "D6")]
    file.write_text("title,class\nWall charger,13-02\n,13-02\n")
    assert read_titles(file) == [("Wall charger", "13-02")]
    for text in ("title,class\n", "name\nx\n", ""):
        file.write_text(text)
        with pytest.raises(InputError, match="needs the columns title, class"):
            read_titles(file)
    file.write_bytes(b"title,class\n\xff\xfe,1\n")
    with pytest.raises(InputError, match="cannot be read as CSV"):
        read_titles(file)


def test_a_bundle_with_words_is_the_same_but_for_them(tiny_bundle: Bundle, tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    first = with_words(tiny_bundle, fitted(64), tmp_path / "first", "It knows a little.")
    (first.folder / SIGNATURE).write_bytes(b"of another description")
    second = with_words(first, fitted(64), tmp_path / "second", "It knows more.")
    second.verify()
    assert second.signature() is None
    assert second.info.space == tiny_bundle.info.space
    for name in tiny_bundle.files:
        if name != CARD:
            assert second.read(name) == tiny_bundle.read(name)
    assert set(second.files) - set(tiny_bundle.files) == {WORDS}
    with pytest.raises(BundleError, match="exists already"):
        with_words(first, fitted(64), tmp_path / "old", "")
