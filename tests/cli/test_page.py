"""The page of ``search --html``: what it says, and how a real browser shows it."""

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgepatent.report.page import Card, PageContent, Picture, encode_png, picture, render

HOSTILE = "<script>document.title='owned'</script>"


@pytest.fixture(scope="module")
def page(edgepatent, index, query, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "page.html"
    edgepatent(
        "search", "--index", index, query, "--html", path, "--top", 4, "--before", "2030-01-01"
    )
    return path


def test_it_holds_query_hits_views_and_scores(page, query):
    html = page.read_text()
    assert html.count('<li class="hit"') == 4
    assert str(query) in html
    assert "2030-01-01" in html
    # Four designs with three views each, and the query: each picture is there once, the best of
    # each design seen again in the summary.
    assert html.count("data:image/png;base64,") == 13
    assert len(re.findall(r'<use href="#drawing-\d"/>', html)) == 4
    assert "&#34;generation&#34;" in html
    assert len(re.findall(r'<span class="score">-?\d\.\d{3}</span>', html)) == 12
    assert html.count("FIG. 1") >= 4


def test_it_fetches_nothing_and_runs_nothing(page):
    html = page.read_text()
    assert not re.search(r"https?://", html)
    assert not re.search(r"<script|<link|<iframe|@import|url\(", html)
    references = re.findall(r'(?:src|href)="([^"]{0,40})', html)
    assert references
    assert all(ref.startswith(("data:image/png;base64,", "#")) for ref in references)
    assert "default-src 'none'" in html


def hostile_page() -> str:
    drawing = picture(np.full((40, 40), 200, np.uint8), 30, label=HOSTILE, where=HOSTILE)
    card = Card(
        1,
        0.5,
        HOSTILE,
        HOSTILE,
        HOSTILE,
        HOSTILE,
        HOSTILE,
        HOSTILE,
        drawing,
        [Picture(HOSTILE, "")],
    )
    return render(PageContent("Search", [(HOSTILE, HOSTILE)], [HOSTILE], [drawing], [card]))


def test_script_in_a_title_is_text():
    html = hostile_page()
    assert "<script" not in html
    assert unescape(html).count(HOSTILE) > 10
    assert '"><' not in html.split('aria-label="')[1][:60]


def test_a_drawing_that_cannot_be_had_leaves_a_place(edgepatent, tiny_bundle, tmp_path):
    from stored import draw_patents

    draw_patents(tmp_path / "drawings", 2)
    edgepatent(
        "index", "add", tmp_path / "drawings", "--index", tmp_path / "with", "--model",
        tiny_bundle.folder,
    )  # fmt: skip
    edgepatent(
        "index", "add", tmp_path / "drawings", "--index", tmp_path / "without", "--model",
        tiny_bundle.folder, "--no-thumbnails",
    )  # fmt: skip
    query = tmp_path / "query.png"
    shutil.copy(tmp_path / "drawings" / "P0000" / "view0.png", query)
    shutil.rmtree(tmp_path / "drawings")
    for name, missing in (("with", 0), ("without", 6)):
        path = tmp_path / f"{name}.html"
        edgepatent(
            "search", query, "--index", tmp_path / name, "--html", path, "--anyway", "--paths"
        )
        assert path.read_text().count("not on this machine") == missing


def test_pictures_are_cropped_small_and_dark_enough():
    sheet = np.full((3000, 2000), 255, np.uint8)
    sheet[1000, 500:1500] = 0
    sheet[1000:1600, 500] = 0
    png, width, height = encode_png(sheet, 300)
    assert (width, height) == (300, pytest.approx(184, abs=4))
    assert len(png) < 3000
    import io

    pixels = np.asarray(Image.open(io.BytesIO(png)).convert("L"))
    assert pixels.max() == 255
    # A hairline of a 300 dpi sheet, reduced three and a half times, is still seen.
    assert pixels.min() < 140


# -- in a browser


@pytest.fixture(scope="session")
def chromium():
    for name in ("chromium", "chromium-browser", "google-chrome"):
        path = shutil.which(name)
        if path:
            return path
    pytest.skip("no Chromium on this machine: apt-get install chromium")


@pytest.fixture(scope="session")
def axe() -> str:
    """The source of axe-core."""
    core = pytest.importorskip("axe_playwright_python.base", reason="no axe-core")
    return str(core.AXE_SCRIPT)


def browse(chromium: str, page: Path, *options: str) -> str:
    """The document after loading, with no network to be had."""
    done = subprocess.run(
        [
            chromium, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
            "--proxy-server=127.0.0.1:9", "--virtual-time-budget=8000",
            f"--user-data-dir={page.parent / 'profile'}", *options, f"file://{page}",
        ],
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    return done.stdout


def instrumented(page: Path, name: str, script: str) -> Path:
    """A copy that may run ``script``; it leaves JSON in a <pre id="result">."""
    html = re.sub(r"<meta http-equiv=.Content-Security-Policy[^>]*>", "", page.read_text())
    copy = page.with_name(name)
    copy.write_text(html.replace("</body>", f"<script>{script}</script></body>"))
    return copy


def result(dom: str):
    return json.loads(unescape(dom.split('<pre id="result">')[1].split("</pre>")[0]))


SHOW = """
function show(value) {
  const pre = document.createElement('pre'); pre.id = 'result';
  pre.textContent = JSON.stringify(value); document.body.append(pre);
}
"""
MEASURE = (
    SHOW
    + """
window.addEventListener('load', () => {
  const broken = [...document.images].filter(i => !i.complete || !i.naturalWidth).length;
  show({width: document.documentElement.scrollWidth, inner: innerWidth, broken,
        images: document.images.length,
        ground: getComputedStyle(document.body).backgroundColor,
        paper: getComputedStyle(document.querySelector('figure img')).backgroundColor});
});
"""
)


@pytest.mark.parametrize("width", [360, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_every_screen_in_light_and_dark(chromium, page, width, scheme):
    copy = instrumented(page, f"measure-{width}-{scheme}.html", MEASURE)
    dark = ["--blink-settings=preferredColorScheme=0"] if scheme == "dark" else []
    found = result(browse(chromium, copy, "--dump-dom", f"--window-size={width},900", *dark))
    assert found["width"] <= found["inner"]
    assert found["broken"] == 0
    assert found["images"] == 8
    brightness = sum(map(int, re.findall(r"\d+", found["ground"])[:3])) / 3
    assert brightness < 60 if scheme == "dark" else brightness > 200
    assert found["paper"] == "rgb(255, 255, 255)"


def test_hostile_text_stays_text_in_a_browser(chromium, tmp_path):
    path = tmp_path / "hostile.html"
    path.write_text(hostile_page())
    dom = browse(chromium, path, "--dump-dom")
    assert "<title>Search</title>" in dom


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(chromium, axe, page, scheme):
    report = "({passes: r.passes.length, found: r.violations.map(v => [v.impact, v.id])})"
    script = f"{axe};{SHOW};axe.run().then(r => show({report}))"
    copy = instrumented(page, f"axe-{scheme}.html", script)
    dark = ["--blink-settings=preferredColorScheme=0"] if scheme == "dark" else []
    seen = result(browse(chromium, copy, "--dump-dom", "--window-size=1200,900", *dark))
    assert seen["passes"] > 10
    assert [v for v in seen["found"] if v[0] in ("serious", "critical")] == []


def test_it_prints_on_a4(chromium, page, tmp_path):
    pdfium = pytest.importorskip("pypdfium2")
    target = tmp_path / "page.pdf"
    browse(chromium, page, f"--print-to-pdf={target}", "--no-pdf-header-footer")
    document = pdfium.PdfDocument(target)
    texts = [document[n].get_textpage().get_text_range() for n in range(len(document))]
    # All hits on the first page, then one a page, then the record.
    numbers = re.findall(r"SYN11-\d{6}", texts[0])
    assert len(set(numbers)) == 4
    for text, number in zip(texts[1:5], dict.fromkeys(numbers), strict=True):
        assert set(re.findall(r"SYN11-\d{6}", text)) == {number}
        assert "one image, before 2030-01-01" in text
        assert text.count(number) >= 2
    assert all("The record of this search" in text for text in texts[5:])
    assert len(texts) > 5
    for place, text in enumerate(texts, start=1):
        assert f"{place} / {len(texts)}" in text
    for number in range(len(document)):
        sheet = document[number]
        assert sheet.get_size() == (pytest.approx(595, abs=2), pytest.approx(842, abs=2))
        pixels = np.asarray(sheet.render(scale=0.5).to_pil().convert("L"))
        # Paper is white, and there is something on every sheet.
        assert np.median(pixels) == 255
        assert (pixels < 128).sum() > 100
