"""A photographed product: where it is, what its contours are, how it is searched."""

import io

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from edgepatent_runtime import drawing
from edgepatent_runtime.drawing import product
from edgepatent_runtime.errors import InputError
from edgepatent_runtime.search import sheets
from edgepatent_runtime.search.request import Photo, Query, Request
from edgepatent_runtime.search.results import PRODUCT, View
from edgepatent_runtime.search.sheets import AS_IT_IS

Page = npt.NDArray[np.uint8]


def studio(height: int = 400, width: int = 500, noise: float = 3) -> npt.NDArray[np.float32]:
    """An empty background with a fall of light."""
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    light = 190 - 30 * x - 20 * y * y
    return (light + np.random.default_rng(0).normal(0, noise, light.shape)).astype(np.float32)


def with_box(ground: npt.NDArray[np.float32]) -> tuple[Page, npt.NDArray[np.bool_]]:
    """A box of two faces before it, and where that is."""
    there = np.zeros(ground.shape, np.bool_)
    there[120:320, 150:380] = True
    picture = ground.copy()
    picture[120:320, 150:260] = 90
    picture[120:320, 260:380] = 130
    picture += np.random.default_rng(1).normal(0, 2, ground.shape)
    return picture.clip(0, 255).astype(np.uint8), there


def cluttered() -> npt.NDArray[np.float32]:
    """A background of many things."""
    ground = np.full((400, 500), 150, np.uint8)
    random = np.random.default_rng(3)
    for _ in range(60):
        x, y, w, h = (int(v) for v in random.integers((0, 0, 20, 20), (480, 380, 120, 120)))
        cv2.rectangle(ground, (x, y), (x + w, y + h), int(random.integers(20, 240)), -1)
    return ground.astype(np.float32)


def jpeg(picture: Page) -> bytes:
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "JPEG", quality=90)
    return out.getvalue()


def read(picture: Page, photo: Photo = "auto", **options: bool) -> list[View]:
    return sheets.read(Query("p.jpg"), 96, {"p.jpg": jpeg(picture)}, photo=photo, **options)


def test_a_product_is_told_from_a_plain_background() -> None:
    picture, there = with_box(studio())
    found = product.silhouette(picture)
    assert found is not None
    assert (found & there).sum() / (found | there).sum() > 0.97


def test_holes_show_the_background_only_where_it_hangs_together() -> None:
    picture, _ = with_box(studio(noise=0))
    bright = picture.copy()
    bright[200:240, 200:230] = 190  # As bright as the background, but enclosed.
    found = product.silhouette(bright)
    assert found is not None
    assert found[205:235, 205:225].all()


def test_a_cluttered_background_stays() -> None:
    picture, _ = with_box(cluttered())
    assert product.silhouette(picture) is None
    drawn = product.drawn(picture)
    assert not drawn.plain
    assert np.array_equal(drawn.page, product.drawn(picture).page)
    assert (drawn.contours < 255).any()


def test_an_empty_background_holds_no_product() -> None:
    assert product.silhouette(studio().astype(np.uint8)) is None


def test_contours_run_along_edges_and_creases_and_nowhere_else() -> None:
    picture, _ = with_box(studio())
    lines = product.contours(picture) < 255
    edges = np.zeros(picture.shape, np.uint8)
    cv2.rectangle(edges, (150, 120), (379, 319), 1)
    edges[120:320, 260] = 1
    edges = cv2.dilate(edges, np.ones((7, 7)))
    assert (edges[lines] > 0).mean() > 0.97
    # Four sides and the crease, each drawn once.
    assert lines.sum() == pytest.approx(2 * 230 + 3 * 200, rel=0.15)


def test_a_product_is_drawn_as_large_as_figures_are() -> None:
    picture, _ = with_box(studio())
    drawn = product.drawn(cv2.resize(picture, (2000, 1600)))
    assert drawn.plain
    assert max(drawn.contours.shape) == product.SIDE
    assert drawn.page.shape == drawn.contours.shape
    # No line is darker than a thin one of a patent.
    assert drawn.contours.min() >= 100
    assert (drawn.page[:5] == 255).all()
    # The product fills the frame, however small it was in the photograph.
    _, columns = np.nonzero(drawn.contours < 255)
    assert np.ptp(columns) > 0.8 * product.SIDE
    assert max(product.drawn(cv2.resize(picture, (250, 200))).contours.shape) == product.SIDE


def test_a_photograph_of_a_product_has_a_view_as_it_is_and_one_of_its_contours() -> None:
    picture, _ = with_box(studio())
    whole, lines = read(picture)
    assert whole.looks == PRODUCT
    assert (whole.contours, lines.contours) == (False, True)
    assert lines.of == whole.name == "p.jpg"
    assert lines.name == "p.jpg#contours"
    assert whole.weight == AS_IT_IS
    assert whole.weight + lines.weight == 1
    assert whole.taken is not None
    assert whole.taken.shape == picture.shape
    assert np.array_equal(lines.drawing, drawing.normalise(lines.page, 96))


@pytest.mark.parametrize("photo", ["paper", "no"])
def test_who_says_that_it_is_none_has_one_view(photo: Photo) -> None:
    picture, _ = with_box(studio())
    (view,) = read(picture, photo)
    assert not view.contours
    assert view.looks != PRODUCT
    assert np.array_equal(view.page, drawing.decode(jpeg(picture)))


def test_who_does_not_ask_gets_no_product_but_who_says_so_does() -> None:
    picture, _ = with_box(studio())
    assert len(read(picture, anyway=True)) == 1
    assert len(read(picture, "product", anyway=True)) == 2
    lines = np.full((300, 300), 255, np.uint8)
    cv2.rectangle(lines, (40, 40), (250, 200), 0, 2)
    assert len(read(lines)) == 1
    assert len(read(lines, "product")) == 2


def test_a_part_of_a_photograph_is_meant() -> None:
    picture, _ = with_box(studio())
    query = Query("p.jpg", crop=(100, 80, 320, 280))
    whole, lines = sheets.read(query, 96, {"p.jpg": jpeg(picture)}, photo="product")
    assert whole.taken is not None
    assert whole.taken.shape == (280, 320)
    assert lines.name == "p.jpg#xywh=100,80,320,280#contours"


def test_a_sheet_on_a_table_is_no_product_and_no_photograph_is_laid_flat() -> None:
    table = np.full((600, 800), 60, np.uint8)
    sheet = np.full((400, 300), 235, np.uint8)
    cv2.circle(sheet, (150, 200), 90, 30, 2)
    table[100:500, 200:500] = sheet
    (view,) = read(table)
    assert view.taken is not None
    assert view.looks is None
    (view,) = read(table, "no")
    assert view.taken is None


def test_a_photo_is_of_a_known_kind() -> None:
    with pytest.raises(InputError, match="photo is one of auto, product, paper, no"):
        Request(queries=(Query("p.jpg"),), photo="film")  # type: ignore[arg-type]
