"""Drawings, text and photographs are told apart (measured in full by benchmarks/looks.py)."""

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from edgepatent_runtime import drawing, sources
from edgepatent_runtime.errors import DrawingError
from edgepatent_runtime.record import Skipped
from edgepatent_runtime.search import looks


def pages(spec):
    return [sources.read_page(r.image) for r in sources.open_source(spec).records(Skipped())]


def text_page(seed=0):
    random = np.random.default_rng(seed)
    page = Image.new("L", (1240, 1754), 255)
    draw = ImageDraw.Draw(page)
    font = ImageFont.load_default(22)
    letters = list("abcdefghijklmnopqrstuvwxyz")
    for y in range(120, 1600, 34):
        words = ["".join(random.choice(letters, random.integers(2, 9))) for _ in range(14)]
        draw.text((120, y), " ".join(words), font=font, fill=0)
    return np.asarray(page)


def landscape():
    """The photograph of a lake and a temple that scikit-learn brings along, through the decoder."""
    from sklearn.datasets import load_sample_image

    out = io.BytesIO()
    Image.fromarray(load_sample_image("china.jpg")).save(out, "JPEG")
    return drawing.decode(out.getvalue())


def test_synthetic_drawings_are_drawings():
    for page in pages("synthetic:designs=12,seed=4,views=1"):
        assert looks.assess(page).kind == "drawing"


def test_real_sheets_are_drawings(shared):
    folder = shared / "data" / "deeppatent2-sheets"
    kinds = [looks.assess(page).kind for page in pages(str(folder))]
    assert kinds.count("drawing") == len(kinds) == 15


def test_a_real_front_page_is_text(shared):
    page = drawing.decode(shared / "data" / "uspto-pdf" / "D659180.pdf", 0)
    assert looks.assess(page).kind == "text"


@pytest.mark.parametrize("seed", range(3))
def test_a_page_of_text_is_called_so(seed):
    text = looks.assess(text_page(seed))
    assert text.kind == "text"
    assert text.drawing < looks.THRESHOLD


def test_a_photograph_of_a_landscape_is_called_so():
    seen = looks.assess(landscape())
    assert seen.kind == "photograph"
    assert seen.drawing < looks.THRESHOLD


def test_a_blank_page_is_refused():
    with pytest.raises(DrawingError, match="blank page"):
        looks.assess(np.full((300, 200), 255, np.uint8))


@pytest.mark.parametrize("shape", [(16, 16), (20, 900), (3000, 40), (5, 5)])
def test_any_shape_is_assessed(shape):
    page = np.full(shape, 255, np.uint8)
    page[shape[0] // 2, :] = 0
    seen = looks.assess(page)
    assert 0 <= seen.drawing <= 1


def test_every_feature_is_finite_and_small():
    for page in (text_page(), landscape(), *pages("synthetic:designs=3,seed=1,views=1")):
        values = looks.features(page)
        assert values.shape == (len(looks.FEATURES),)
        assert np.isfinite(values).all()
        assert ((values >= 0) & (values <= 1.5)).all()
    assert looks.COEFFICIENTS.shape == (len(looks.KINDS), len(looks.FEATURES) + 1)
