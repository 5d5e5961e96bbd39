import cv2
import msgspec
import numpy as np
import numpy.typing as npt
import pytest

from edgepatent_train.augment import add_caption, augment, line_width, remove_captions, shift
from edgepatent_train.recipe import AugmentRecipe

Drawing = npt.NDArray[np.uint8]
NOTHING = dict.fromkeys(AugmentRecipe.__struct_fields__, 0.0)
SWITCHES = [n for n in AugmentRecipe.__struct_fields__ if n not in ("erase_area", "shift_by")]


def chair(size: int = 224) -> Drawing:
    page = np.full((size, size), 255, np.uint8)
    cv2.rectangle(page, (60, 30), (160, 120), (0,), 2)
    cv2.line(page, (60, 120), (50, 170), (0,), 2)
    cv2.line(page, (160, 120), (170, 170), (0,), 2)
    return page


def captioned() -> Drawing:
    page = chair()
    cv2.putText(page, "FIG. 7", (90, 205), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (0,), 1, cv2.LINE_AA)
    return page


@pytest.mark.parametrize("switch", SWITCHES)
def test_each_change_leaves_a_drawing_and_follows_from_the_generator(switch: str) -> None:
    recipe = AugmentRecipe(**{**NOTHING, "erase_area": 0.1, "shift_by": 0.1, switch: 1.0})
    drawing = captioned()
    before = drawing.copy()
    first, again = (augment(drawing, recipe, np.random.default_rng(5)) for _ in range(2))
    assert (first == again).all()
    assert (drawing == before).all()
    assert first.dtype == np.uint8
    assert first.shape == drawing.shape
    assert 0.9 < (first > 128).mean() < 1
    others = [augment(drawing, recipe, np.random.default_rng(s)) for s in range(6, 14)]
    assert any((other != before).any() for other in others)
    if switch not in ("remove_caption", "flip"):
        assert any((other != first).any() for other in others)


def test_switched_off_it_is_the_drawing_itself() -> None:
    drawing = captioned()
    assert (augment(drawing, AugmentRecipe(**NOTHING), np.random.default_rng(0)) == drawing).all()


def test_switching_one_off_leaves_the_choice_of_the_others() -> None:
    recipe = AugmentRecipe(**{**NOTHING, "shift": 0.5, "shift_by": 0.1})
    with_flip = msgspec.structs.replace(recipe, flip=0.5)
    drawing = chair()
    moved = [
        [
            (augment(drawing, r, np.random.default_rng(seed)).sum(0) != drawing.sum(0)).any()
            for seed in range(30)
        ]
        for r in (recipe, with_flip)
    ]
    assert all(b for a, b in zip(*moved, strict=True) if a)


def test_captions_go_and_the_drawing_stays() -> None:
    assert (remove_captions(captioned()) == chair()).mean() > 0.9995
    assert (remove_captions(chair()) == chair()).all()
    turned = np.ascontiguousarray(np.rot90(captioned()))
    assert (remove_captions(turned) == np.rot90(chair())).mean() > 0.9995


def test_a_sheet_with_nothing_but_text_is_left_alone() -> None:
    page = np.full((224, 224), 255, np.uint8)
    cv2.putText(page, "FIG. 7", (90, 205), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (0,), 1, cv2.LINE_AA)
    assert (remove_captions(page) == page).all()


def test_an_added_caption_covers_no_ink_and_a_full_sheet_gets_none() -> None:
    drawing = chair()
    written = add_caption(drawing, np.random.default_rng(1))
    assert (written != drawing).any()
    assert (written[drawing < 255] == drawing[drawing < 255]).all()
    full = np.tile(np.array([[0, 255], [255, 0]], np.uint8), (112, 112))
    assert (add_caption(full, np.random.default_rng(1)) == full).all()
    tiny = np.full((8, 8), 255, np.uint8)
    assert add_caption(tiny, np.random.default_rng(1)).shape == (8, 8)


def test_strokes_grow_and_shrink() -> None:
    drawing = chair()
    changed = [line_width(drawing, np.random.default_rng(seed)) for seed in range(20)]
    means = [float(d.mean()) for d in changed]
    assert min(means) < drawing.mean() < max(means)


def test_what_moves_in_is_paper() -> None:
    drawing = np.zeros((32, 32), np.uint8)
    assert (shift(drawing, np.random.default_rng(0), 0.5) == 255).any()
