"""An index of synthetic designs, and the page over it in a process of its own."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browsing import PATIENCE, Page
from page_server import Server, serving
from PIL import Image

from edgepatent_runtime import sources
from edgepatent_runtime.bundle import Bundle
from edgepatent_runtime.index import Index
from edgepatent_runtime.record import Skipped

DESIGNS = 24


@pytest.fixture(scope="session")
def drawings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder source: 24 designs of two views, one a year from 2010 on."""
    folder = tmp_path_factory.mktemp("web") / "drawings"
    source = sources.open_source(f"synthetic:designs={DESIGNS},seed=11,views=2")
    lines = ["file_name,patent_id,locarno,figure,title,date,applicant,country"]
    for number, record in enumerate(source.records(Skipped())):
        name = f"{record.patent_id}/{number % 2 + 1}.png"
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(sources.read_page(record.image)).save(folder / name)
        lines.append(
            f"{name},{record.patent_id},{record.locarno},{number % 2 + 1},{record.title},"
            f"{2010 + number // 2}-05-01,{'Chair Makers' if number < 12 else 'Lamp GmbH'},"
            f"{'US' if number // 2 % 2 else 'DE'}"
        )
    (folder / "metadata.csv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture(scope="session")
def index(drawings: Path, tiny_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of `drawings` made with the tiny model."""
    folder = tmp_path_factory.mktemp("web-index") / "index"
    with Index.create(folder, tiny_bundle) as made:
        made.add(drawings)
    return folder


@pytest.fixture(scope="session")
def query(drawings: Path) -> Path:
    """A stored drawing with more paper around it: alike, but not the file that is indexed."""
    page = np.asarray(Image.open(min(drawings.glob("*/1.png"))))
    path = drawings.parent / "query.png"
    Image.fromarray(np.pad(page, 30, constant_values=255)).save(path)
    return path


@pytest.fixture(scope="session")
def server(index: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests that do not hurt it."""
    with serving(index, tmp_path_factory.mktemp("web-home")) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A real Chromium. Not for longer: its driver's event loop would stand in the way of others."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    found = shutil.which("chromium")
    if found is None:
        pytest.skip("no chromium on this machine")
    with sync_api.sync_playwright() as playwright:
        # The sandbox of a browser cannot be had in every container; the pages here are ours.
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def tab(browser: Any, server: Server) -> Iterator[Page]:
    """A fresh browser window on the page; nothing may go wrong or elsewhere in it."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(PATIENCE)
    tab = context.new_page()
    wrong: list[str] = []
    tab.on("pageerror", lambda error: wrong.append(f"script: {error}"))
    tab.on("console", lambda line: wrong.append(line.text) if line.type == "error" else None)
    tab.on("request", lambda r: None if r.url.startswith(server.root) else wrong.append(r.url))
    tab.goto(server.address)
    yield tab
    context.close()
    assert not wrong
