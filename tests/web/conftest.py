"""An index of synthetic designs, and the page over it in a process of its own."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
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
    lines = ["file_name,patent_id,locarno,figure,title,date"]
    for number, record in enumerate(source.records(Skipped())):
        name = f"{record.patent_id}/{number % 2 + 1}.png"
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(sources.read_page(record.image)).save(folder / name)
        lines.append(
            f"{name},{record.patent_id},{record.locarno},{number % 2 + 1},{record.title},"
            f"{2010 + number // 2}-05-01"
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


@dataclass
class Server:
    """A running ``edgepatent serve``: ``address`` holds the token, ``root`` does not."""

    process: "subprocess.Popen[str]"
    address: str
    home: Path

    @property
    def root(self) -> str:
        return self.address.partition("/?")[0]

    @property
    def port(self) -> int:
        return int(self.root.rpartition(":")[2])

    @property
    def bearer(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.address.partition('token=')[2]}"}

    def log(self) -> str:
        return (self.home / "stderr").read_text()


@contextmanager
def serving(index: Path, home: Path, *options: str) -> Iterator[Server]:
    """The real command, until the block ends; it must end by Ctrl-C."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("EDGEPATENT", "XDG_"))}
    command = [sys.executable, "-m", "edgepatent", "serve", "--port", "0", "--threads", "1"]
    with (home / "stderr").open("w") as stderr:
        process = subprocess.Popen(
            [*command, "--index", str(index), *options],
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            env={**kept, "HOME": str(home)},
        )
    assert process.stdout is not None
    try:
        address = process.stdout.readline().strip()
        assert re.fullmatch(r"http://[\w.:\[\]]+/\?token=[\w-]{32}", address), address
        yield Server(process, address, home)
        process.send_signal(signal.SIGINT)
        process.wait(60)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture(scope="session")
def server(index: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests that do not hurt it."""
    with serving(index, tmp_path_factory.mktemp("web-home")) as running:
        yield running
