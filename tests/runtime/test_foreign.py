"""HEIC and SVG: read where their extra is there, named where it is not, never led elsewhere."""

import io
import sys
from contextlib import suppress

import numpy as np
import pytest
from PIL import Image, ImageDraw

from edgepatent_runtime import drawing
from edgepatent_runtime.errors import DrawingError, MissingExtraError

SVG = """<?xml version="1.0"?>
<svg xmlns="http://www.w3.org/2000/svg" width="40mm" height="20mm" viewBox="0 0 400 200">
{}<path d="M20 20 H380 V180 H20 Z" fill="none" stroke="black" stroke-width="8"/>
<circle cx="120" cy="100" r="50" stroke="black" fill="none" stroke-width="8"/></svg>"""


def page() -> Image.Image:
    image = Image.new("L", (400, 200), 255)
    draw = ImageDraw.Draw(image)
    draw.rectangle((16, 16, 384, 184), outline=0, width=8)
    draw.ellipse((66, 46, 174, 154), outline=0, width=8)
    return image


def heic(image: Image.Image, **more: object) -> bytes:
    pillow_heif = pytest.importorskip("pillow_heif")
    out = io.BytesIO()
    pillow_heif.from_pillow(image.convert("RGB")).save(out, quality=90, **more)
    return out.getvalue()


def test_svg_is_drawn() -> None:
    pytest.importorskip("resvg_py")
    want = drawing.normalise(np.asarray(page()), 96).astype(int)
    got = drawing.read_drawing(SVG.format("").encode(), 96).astype(int)
    assert np.abs(got - want).mean() < 4
    assert drawing.pages(SVG.format("").encode()) == 1


def test_a_real_svg_shows_what_its_png_shows(shared) -> None:
    pytest.importorskip("resvg_py")
    stem = shared / "data" / "formats" / "USD0873711-20200128-D00000"
    png = drawing.read_drawing(stem.with_suffix(".png"), 224).astype(int)
    svg = drawing.read_drawing(stem.with_suffix(".svg"), 224).astype(int)
    assert np.corrcoef(png.ravel(), svg.ravel())[0, 1] > 0.8


def test_heic_is_read_as_it_was_held() -> None:
    want = drawing.normalise(np.asarray(page()), 96).astype(int)
    got = drawing.read_drawing(heic(page()), 96).astype(int)
    assert np.abs(got - want).mean() < 4
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = page().rotate(90, expand=True)
    got = drawing.read_drawing(heic(turned, exif=exif.tobytes()), 96).astype(int)
    assert np.abs(got - want).mean() < 4


@pytest.mark.parametrize(
    ("name", "package", "extra"), [("SVG", "resvg_py", "svg"), ("HEIC", "pillow_heif", "heif")]
)
def test_without_the_extra_the_line_names_it(
    name: str, package: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = SVG.format("").encode() if name == "SVG" else b"\0\0\0\x18ftypheic" + bytes(40)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=rf"reading {name} .*edgepatent\[{extra}\]"):
        drawing.decode(data)


@pytest.mark.parametrize(
    "inside",
    [
        '<image href="/etc/passwd" width="9" height="9"/>',
        '<image xmlns:q="http://www.w3.org/1999/xlink" a="&gt;" q:href="other.png"/>',
        '<image href="&#47;etc/passwd"/>',
        '<image href="https://example.com/a.png"/>',
    ],
)
def test_an_svg_leads_nowhere(inside: str) -> None:
    pytest.importorskip("resvg_py")
    with pytest.raises(DrawingError, match="refers to other files"):
        drawing.decode(SVG.format(inside).encode())
    # A link that people may follow is no picture.
    drawing.decode(SVG.format('<a href="https://example.com/"/>').encode())


def test_bad_ones_are_one_line() -> None:
    pytest.importorskip("resvg_py")
    bomb = '<!DOCTYPE svg [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>' + SVG.split("\n", 1)[1]
    with pytest.raises(DrawingError, match="entities"):
        drawing.decode(bomb.encode())
    with pytest.raises(DrawingError):
        drawing.decode(SVG.format("<broken")[:300].encode())
    # However long and thin it says it is.
    thin = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 90000"><path d="M0 0V90000"/></svg>'
    )
    with suppress(DrawingError):
        assert max(drawing.decode(thin.encode()).shape) < 5000
    if data := heic(page()):
        with pytest.raises(DrawingError):
            drawing.decode(data[: len(data) // 2])
    with pytest.raises(DrawingError, match="not an image"):
        drawing.decode(b"<html><body>no picture</body></html>")
