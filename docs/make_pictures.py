"""Draw the pictures of the docs: synthetic designs, and the page of a search in a browser."""

import os
import shutil
import subprocess
import sys
import tempfile
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from edgepatent_runtime.drawing import product
from edgepatent_synthetic import render
from edgepatent_synthetic.backdrop import Kind
from edgepatent_synthetic.contact import contact_sheet
from edgepatent_synthetic.design import Catalogue
from edgepatent_synthetic.draw import Draw
from edgepatent_synthetic.photograph import photographer, take

DOCS = Path(__file__).parent
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# Of the demo: a table lamp, whose last view its index has not seen.
QUERY = "SYN1-000031"


def families() -> Image.Image:
    """One drawing of each of 96 designs, most in perspective, every fourth from the front."""
    pages = [render(f"synthetic:seed=7,design={n},view={int(n % 4 == 3)}") for n in range(96)]
    return Image.fromarray(contact_sheet(pages, columns=12, cell=128))


def sheets() -> Image.Image:
    """The first three sheets of twelve designs, up to three figures a sheet."""
    pages = [
        render(f"synthetic:seed=7,design={design},view={view},figures=3")
        for design in range(2, 98, 8)
        for view in range(3)
    ]
    return Image.fromarray(contact_sheet(pages, columns=9, cell=180))


def photographs() -> Image.Image:
    """A photograph of each of 24 designs."""
    taken = [_photograph(3 * number + 1, number) for number in range(24)]
    return _rows([_fitted(one, 150) for one in taken], 8).quantize(128)


def contours() -> Image.Image:
    """Four photographs, what is left of each, and the contours that are searched with."""
    rows = []
    wanted: tuple[tuple[int, Kind], ...] = (
        (41, "gradient"), (74, "plain"), (12, "white"), (38, "cluttered")
    )  # fmt: skip
    for number, kind in wanted:
        taken = _photograph(number, 2, kind)
        drawn = product.drawn(np.asarray(taken.convert("L")))
        rows += [taken, Image.fromarray(drawn.page), Image.fromarray(drawn.contours)]
    return _rows([_fitted(one, 220) for one in rows], 6).quantize(128)


def _photograph(number: int, turn: int, kind: Kind | None = None) -> Image.Image:
    draw = Draw(7, number, turn)
    mesh = Catalogue(7).design(number).mesh
    return Image.fromarray(take(mesh, photographer(draw), draw, kind=kind))


def _fitted(picture: Image.Image, cell: int) -> Image.Image:
    """A picture in the middle of a white square."""
    square = Image.new("RGB", (cell, cell), "white")
    picture.thumbnail((cell - 8, cell - 8))
    square.paste(picture, ((cell - picture.width) // 2, (cell - picture.height) // 2))
    return square


def _rows(cells: list[Image.Image], columns: int) -> Image.Image:
    cell = cells[0].width
    whole = Image.new("RGB", (columns * cell, -(-len(cells) // columns) * cell), "white")
    for place, one in enumerate(cells):
        whole.paste(one, (place % columns * cell, place // columns * cell))
    return whole


def report(browser: str) -> Image.Image:
    """The top of the page that a search of the demo's index writes."""
    with tempfile.TemporaryDirectory(prefix="edgepatent-") as name:
        desk = Path(name)
        edgepatent(desk, "demo", "--out", "demo")
        (desk / "demo" / "unseen" / f"{QUERY}.png").rename(desk / "sketch.png")
        edgepatent(desk, "search", "sketch.png", "--index", "demo/index", "--top", "5",
                   "--html", "report.html")  # fmt: skip
        return screenshot(browser, desk / "report.html", 960)


def trained(browser: str) -> Image.Image:
    """The top of the page that a training leaves: that of the demo, a few minutes."""
    with tempfile.TemporaryDirectory(prefix="edgepatent-") as name:
        edgepatent(Path(name), "demo", "--train", "--out", "demo")
        # A map of sixteen classes needs its colours.
        return screenshot(browser, Path(name) / "demo" / "run" / "report.html", 1400, colours=256)


def screenshot(browser: str, page: Path, height: int, colours: int = 64) -> Image.Image:
    """The top of a page, 1280 pixels wide."""
    with tempfile.TemporaryDirectory(prefix="edgepatent-") as name:
        shot = Path(name) / "shot.png"
        subprocess.run(
            [browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
             f"--window-size=1280,{height}", f"--user-data-dir={name}/browser",
             f"--screenshot={shot}", page.absolute().as_uri()],
            check=True,
            capture_output=True,
            timeout=120,
        )  # fmt: skip
        return _picture(shot.read_bytes(), colours)


def page(browser: str) -> dict[str, Image.Image]:
    """The page over the demo's index: hits beside the query, and one laid over the query."""
    from playwright.sync_api import sync_playwright

    shots: dict[str, Image.Image] = {}
    with tempfile.TemporaryDirectory(prefix="edgepatent-") as name, sync_playwright() as play:
        desk = Path(name)
        edgepatent(desk, "demo", "--out", "demo")
        sketch = desk / "demo" / "unseen" / f"{QUERY}.png"
        server = subprocess.Popen(
            [sys.executable, "-m", "edgepatent", "serve", "--port", "0", "--index", "demo/index"],
            cwd=desk,
            env={**os.environ, "HOME": str(desk)},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert server.stdout is not None
        try:
            window = play.chromium.launch(executable_path=browser, args=["--no-sandbox"])
            tab = window.new_page(viewport={"width": 1440, "height": 900})
            tab.goto(server.stdout.readline().strip())
            tab.set_input_files("#file", str(sketch))
            tab.wait_for_selector(".narrow .tree")
            tab.wait_for_load_state("networkidle")
            shots["page-hits"] = _picture(tab.screenshot())
            tab.locator(".card").first.focus()
            tab.keyboard.press("c")
            tab.wait_for_selector(".panes")
            tab.keyboard.press("o")
            tab.wait_for_load_state("networkidle")
            shots["page-compare"] = _picture(tab.screenshot())
            window.close()
        finally:
            server.terminate()
            server.wait(30)
            server.stdout.close()
    return shots


def _picture(png: bytes, colours: int = 64) -> Image.Image:
    with Image.open(BytesIO(png)) as picture:
        return picture.convert("RGB").quantize(colours, dither=Image.Dither.NONE)


def edgepatent(desk: Path, *arguments: str) -> None:
    """Run the command in ``desk`` as its user would, without an index of the user's own."""
    subprocess.run(
        [sys.executable, "-m", "edgepatent", *arguments],
        cwd=desk,
        env={**os.environ, "HOME": str(desk)},
        check=True,
        stdout=subprocess.DEVNULL,
    )


def main() -> None:
    """Write all pictures beside this file."""
    families().save(DOCS / "synthetic-families.png", optimize=True)
    sheets().save(DOCS / "synthetic-sheets.png", optimize=True)
    photographs().save(DOCS / "synthetic-photographs.png", optimize=True)
    contours().save(DOCS / "contours.png", optimize=True)
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        print(f"pictures of pages are left as they are: no browser ({', '.join(BROWSERS)})")
        return
    report(browser).save(DOCS / "report.png", optimize=True)
    trained(browser).save(DOCS / "run-report.png", optimize=True)
    for name, picture in page(browser).items():
        picture.save(DOCS / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
