"""Sheets put together here, so that every box is known, taken apart again."""

import tracemalloc

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgepatent_runtime.figures import figures, read_sheet, without_captions
from edgepatent_runtime.figures.caption import kind_of
from edgepatent_runtime.figures.gaps import tree_of
from edgepatent_runtime.figures.reader import HEIGHT, WIDTH, framed
from edgepatent_runtime.figures.turns import turn
from edgepatent_synthetic.draw import Draw
from edgepatent_synthetic.lettering import Lettering, lettered

Page = npt.NDArray[np.uint8]
Box = tuple[int, int, int, int]


def caption(text: str, height: int = 46) -> Page:
    return lettered(text, Lettering(height=height), Draw(1))


def shape(kind: int, width: int, height: int, gap: int = 60) -> Page:
    """A drawing that fills [height, width]: ring, crossed box, stipple, broken lines, parts."""
    page = np.full((height, width), 255, np.uint8)
    if kind == 0:
        cv2.ellipse(
            page, (width // 2, height // 2), (width // 2 - 3, height // 2 - 3), 0, 0, 360, 0, 3
        )
    elif kind == 1:
        cv2.rectangle(page, (2, 2), (width - 3, height - 3), 0, 3)
        cv2.line(page, (2, 2), (width - 3, height - 3), 0, 3)
    elif kind == 2:
        dots = np.random.default_rng(width).random((height // 8, width // 8)) < 0.5
        page[: height // 8 * 8 : 8, : width // 8 * 8 : 8][dots] = 0
        page = cv2.erode(page, np.ones((3, 3), np.uint8))
        cv2.rectangle(page, (1, 1), (width - 2, height - 2), 0, 2)
    elif kind == 3:
        for x in range(0, width - 20, 30):
            page[2:5, x : x + 20] = page[height - 5 : height - 2, x : x + 20] = 0
        for y in range(0, height - 20, 30):
            page[y : y + 20, 2:5] = page[y : y + 20, width - 5 : width - 2] = 0
    else:
        # An exploded view: two parts with paper between them.
        middle = height // 2
        cv2.rectangle(page, (2, 2), (width - 3, middle - gap // 2), 0, 3)
        cv2.rectangle(page, (2, middle + gap // 2), (width - 3, height - 3), 0, 3)
    return np.asarray(page, np.uint8)


def overlap(one: Box, two: Box) -> float:
    """Intersection over union."""
    left, top = max(one[0], two[0]), max(one[1], two[1])
    right = min(one[0] + one[2], two[0] + two[2])
    bottom = min(one[1] + one[3], two[1] + two[3])
    shared = max(0, right - left) * max(0, bottom - top)
    return shared / (one[2] * one[3] + two[2] * two[3] - shared)


def put(page: Page, part: Page, x: int, y: int) -> Box:
    """Lay a part on a page; where its ink lies."""
    height, width = part.shape
    page[y : y + height, x : x + width] = np.minimum(page[y : y + height, x : x + width], part)
    rows, columns = np.flatnonzero((part < 128).any(1)), np.flatnonzero((part < 128).any(0))
    return (
        x + int(columns[0]),
        y + int(rows[0]),
        int(columns[-1] - columns[0]) + 1,
        int(rows[-1] - rows[0]) + 1,
    )


def sheet(kinds: list[int], columns: int, first: int = 1) -> tuple[Page, dict[str, Box]]:
    """A sheet of 300 dpi with figures in a grid, captions below them: each number's box."""
    rows = -(-len(kinds) // columns)
    cell_w, cell_h = 2200 // columns, 3000 // rows
    page = np.full((3300, 2550), 255, np.uint8)
    boxes = {}
    for index, kind in enumerate(kinds):
        x, y = 150 + index % columns * cell_w, 150 + index // columns * cell_h
        width, height = cell_w - 150, cell_h - 230
        boxes[str(first + index)] = put(page, shape(kind, width, height), x, y)
        put(page, caption(f"FIG. {first + index}"), x + width // 3, y + height + 60)
    return page, boxes


@settings(max_examples=12, deadline=None)
@given(
    kinds=st.lists(st.integers(0, 4), min_size=1, max_size=6),
    columns=st.integers(1, 2),
    first=st.integers(1, 60),
)
def test_every_figure_is_found_where_it_was_put(kinds: list[int], columns: int, first: int) -> None:
    page, boxes = sheet(kinds, columns, first)
    found = figures(page)
    assert [figure.number for figure in found] == list(boxes)
    for figure, box in zip(found, boxes.values(), strict=True):
        assert overlap(figure.box, box) > 0.95


@pytest.mark.parametrize("turned", [1, 2, 3])
def test_a_turned_sheet_is_read_as_it_is_held(turned: int) -> None:
    page, boxes = sheet([0, 1, 3, 2], 2)
    # Standing counter-clockwise, it is set upright by as many turns clockwise.
    found = read_sheet(np.ascontiguousarray(np.rot90(page, turned)))
    assert found.turned == turned
    assert [figure.number for figure in found.figures] == ["1", "2", "3", "4"]
    for figure, box in zip(found.figures, boxes.values(), strict=True):
        assert figure.turned == turned
        upright = turn(figure.box, np.rot90(page, turned).shape, turned)
        assert overlap(upright, box) > 0.95


def test_an_exploded_view_stays_one_figure_beside_another() -> None:
    page = np.full((2600, 1700), 255, np.uint8)
    exploded = put(page, shape(4, 900, 1300, gap=220), 200, 100)
    put(page, caption("FIG. 7"), 550, 1440)
    ring = put(page, shape(0, 900, 800), 200, 1560)
    put(page, caption("FIG. 8"), 550, 2420)
    found = figures(page)
    assert [figure.number for figure in found] == ["7", "8"]
    assert overlap(found[0].box, exploded) > 0.95
    assert overlap(found[1].box, ring) > 0.95


def test_figures_that_touch_are_parted() -> None:
    page = np.full((1500, 2000), 255, np.uint8)
    one = put(page, shape(1, 800, 900), 100, 100)
    two = put(page, shape(0, 800, 900), 1000, 100)
    page[540:544, 890:1010] = 0
    put(page, caption("FIG. 1"), 400, 1100)
    put(page, caption("FIG. 2"), 1300, 1100)
    found = figures(page)
    assert [figure.number for figure in found] == ["1", "2"]
    assert overlap(found[0].box, one) > 0.9
    assert overlap(found[1].box, two) > 0.9


def test_header_numerals_and_leaders_are_left_out() -> None:
    page = np.full((3300, 2550), 255, np.uint8)
    put(page, caption("U.S. PATENT", 40), 150, 60)
    put(page, caption("MAR. 13, 2007", 40), 950, 60)
    put(page, caption("US D538,119 S", 40), 1800, 60)
    box = put(page, shape(1, 1200, 1600), 500, 700)
    put(page, caption("12", 40), 2100, 500)
    cv2.line(page, (2070, 560), (1710, 820), 0, 3)
    put(page, caption("FIG. 1"), 1000, 2500)
    found = read_sheet(page)
    assert [figure.number for figure in found.figures] == ["1"]
    assert overlap(found.figures[0].box, box) > 0.95
    kinds = [part.kind for part in found.left_out]
    assert kinds.count("header") == 3
    assert kinds.count("caption") == kinds.count("numeral") == kinds.count("leader") == 1


def test_captions_are_painted_white_and_nothing_else_is() -> None:
    page, boxes = sheet([0, 1], 1)
    clean = without_captions(page)
    again = read_sheet(clean)
    assert not [part for part in again.left_out if part.kind == "caption"]
    changed = clean != page
    for x, y, width, height in boxes.values():
        assert not changed[y : y + height, x : x + width].any()
    assert (clean[changed] == 255).all()


def test_a_sheet_without_captions_is_one_figure() -> None:
    page = np.full((1200, 900), 255, np.uint8)
    box = put(page, shape(0, 600, 700), 150, 200)
    (figure,) = figures(page)
    assert figure.number is None
    assert figure.caption is None
    assert overlap(figure.box, box) > 0.95


@pytest.mark.parametrize(
    ("text", "kind", "number"),
    [
        ("FIG.3", "caption", "3"),
        ("FIG3A", "caption", "3A"),
        ("FIGURE12", "caption", "12"),
        ("FIG-7", "caption", "7"),
        ("FIG.4(B)", "caption", "4B"),
        ("FIGS.2", "caption", "2"),
        ("F1G.11", "caption", "11"),
        ("1.12", "caption", "1.12"),
        ("FIG.", "caption", None),
        ("102", "numeral", None),
        ("24A", "numeral", None),
        ("2/7", "sheet number", None),
        ("PRIORART", "text", None),
        ("MENU", "text", None),
        ("TOP", "text", None),
    ],
)
def test_what_a_row_says(text: str, kind: str, number: str | None) -> None:
    assert kind_of(text) == (kind, number)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), count=st.integers(2, 12))
def test_the_spanning_tree_is_the_one_of_all_pairs(seed: int, count: int) -> None:
    """The naive way: distances between all pixels of all pairs of pieces, Kruskal on them."""
    draw = np.random.default_rng(seed)
    mask = np.zeros((120, 120), np.uint8)
    for x, y in draw.integers(2, 110, (count, 2)):
        mask[y : y + draw.integers(2, 7), x : x + draw.integers(2, 7)] = 1
    pieces, labels = cv2.connectedComponents(mask, connectivity=8)
    points = [np.argwhere(labels == label) for label in range(1, pieces)]
    pairs = sorted(
        (float(np.linalg.norm(a[:, None] - b[None], axis=2).min()), i, j)
        for i, a in enumerate(points)
        for j, b in enumerate(points[:i])
    )
    group = list(range(pieces))
    wanted = []
    for gap, i, j in pairs:
        if group[i] != group[j]:
            wanted.append(gap)
            group = [group[i] if one == group[j] else one for one in group]
    tree = tree_of(mask)
    assert len(tree.boxes) == pieces - 1
    # The transform measures in steps, from the middle of a cell: within a cell and a few percent.
    assert np.allclose(tree.gaps, wanted, rtol=0.06, atol=1.5)


@pytest.mark.parametrize("name", ["text", "photograph", "blank", "black", "noise", "crowd", "huge"])
def test_anything_gets_an_answer(name: str) -> None:
    draw = np.random.default_rng(0)
    page = np.full((3300, 2550), 255, np.uint8)
    if name == "text":
        for y in range(200, 3000, 60):
            put(
                page,
                caption("THE ORNAMENTAL DESIGN FOR A BOTTLE AS SHOWN AND DESCRIBED", 24),
                200,
                y,
            )
    elif name == "photograph":
        waves = np.sin(np.linspace(0, 20, 3300))[:, None] * np.cos(np.linspace(0, 31, 2550))[None]
        page = (127 + 90 * waves + draw.normal(0, 20, waves.shape)).clip(0, 255).astype(np.uint8)
    elif name == "black":
        page[:] = 0
    elif name == "noise":
        page = np.where(draw.random(page.shape) < 0.08, 0, 255).astype(np.uint8)
    elif name == "crowd":
        for index in range(400):
            x, y = 40 + index % 16 * 155, 40 + index // 16 * 128
            put(page, shape(index % 2, 90, 60), x, y)
            put(page, caption(f"FIG. {index + 1}", 20), x, y + 75)
    elif name == "huge":
        small, _ = sheet([0, 1, 2, 3], 2)
        page = np.asarray(cv2.resize(small, (6200, 8060), interpolation=cv2.INTER_LINEAR), np.uint8)
    tracemalloc.start()
    found = figures(page)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 300e6
    if name in ("blank", "huge"):
        assert len(found) == {"blank": 0, "huge": 4}[name]
    if name == "crowd":
        assert len(found) > 300
    for figure in found:
        x, y, width, height = figure.box
        assert 0 <= x < x + width <= page.shape[1]
        assert 0 <= y < y + height <= page.shape[0]


@pytest.mark.parametrize("size", [(1, 1), (1, 400), (400, 1), (3, 5), (30, 2000)])
def test_slivers(size: tuple[int, int]) -> None:
    figures(np.zeros(size, np.uint8))
    figures(np.full(size, 255, np.uint8))


def test_a_frame_holds_any_row() -> None:
    for size in ((1, 1), (1, 900), (900, 1), (24, 24)):
        frame = framed(np.zeros(size, np.uint8))
        assert frame.shape == (HEIGHT, WIDTH)
