"""The page over many drawings: how soon it answers, what it takes, how much it weighs.

    python benchmarks/page.py --out benchmarks/page.md

An index of made-up embeddings (designs of five views around a point each) in the starter's space,
the real ``edgepatent serve`` over it in a process of its own, synthetic sheets sent to it one after
the other as a browser does. Times are from the first byte sent to the last byte received.
"""

import argparse
import http.client
import json
import platform
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import psutil

from edgepatent_runtime.bundle import Bundle
from edgepatent_runtime.index import Index
from edgepatent_runtime.record import ImageRef, Record
from edgepatent_synthetic import render

VIEWS = 5
QUERIES = 40
CONNECTIONS = 200


def make_index(folder: Path, drawings: int) -> None:
    """An index of so many drawings that lie nowhere."""
    dimensions = Bundle.named("starter").info.dimensions
    draw = np.random.default_rng(0)

    def around(points: npt.NDArray[np.float32], spread: float) -> npt.NDArray[np.float32]:
        noisy = points + spread * draw.standard_normal(points.shape).astype(np.float32) / 16
        unit: npt.NDArray[np.float32] = noisy / np.linalg.norm(noisy, axis=1, keepdims=True)
        return unit

    kinds = around(np.zeros((600, dimensions), np.float32), 1)
    designs = around(kinds[draw.integers(0, len(kinds), drawings // VIEWS)], 0.8)
    records = [
        Record(
            ImageRef(f"{design}/{view}.png"),
            f"D{design:07d}",
            locarno=f"{design % 32 + 1:02d}-01",
            title=f"Design number {design}",
            date=f"{1990 + design % 34}-06-01",
        )
        for design in range(len(designs))
        for view in range(VIEWS)
    ]
    with Index.create(folder) as index:
        index.add(records, embeddings=around(np.repeat(designs, VIEWS, axis=0), 0.6))


class Server:
    """A running ``edgepatent serve``."""

    def __init__(self, process: "subprocess.Popen[str]", address: str) -> None:
        self.process = psutil.Process(process.pid)
        match = re.fullmatch(r"http://([\w.]+):(\d+)/\?token=([\w-]+)", address)
        assert match, address
        self.host, self.port = match[1], int(match[2])
        self.headers = {"authorization": f"Bearer {match[3]}"}

    def ask(self, method: str, path: str, body: bytes | None = None) -> bytes:
        """The answer to one request over a connection of its own."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=120)
        try:
            connection.request(method, path, body, self.headers)
            answer = connection.getresponse()
            data = answer.read()
        finally:
            connection.close()
        assert answer.status == 200, (path, answer.status, data[:200])
        return data

    def megabytes(self) -> float:
        """Memory that is its own and its workers', each page once (PSS)."""
        every = [self.process, *self.process.children(recursive=True)]
        return float(sum(one.memory_full_info().pss for one in every)) / 1e6


@contextmanager
def serving(index: Path) -> Iterator[Server]:
    """The real command, until the block ends."""
    command = [sys.executable, "-m", "edgepatent", "serve", "--port", "0", "--threads", "1"]
    process = subprocess.Popen(
        [*command, "--index", str(index)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield Server(process, process.stdout.readline().strip())
    finally:
        process.terminate()
        process.wait(60)


def sheets() -> list[bytes]:
    """Synthetic sheets as PNG files, each another design."""
    pages = (render(f"synthetic:seed=5,design={one},view=0") for one in range(QUERIES + 5))
    return [cv2.imencode(".png", page)[1].tobytes() for page in pages]


def answers(server: Server) -> npt.NDArray[np.float64]:
    """Milliseconds [N, 3] of sending an image, of searching with it, and of both."""
    spent = []
    for data in sheets():
        start = time.perf_counter()
        sent = json.loads(server.ask("POST", "/api/images", data))
        between = time.perf_counter()
        found = json.loads(server.ask("GET", f"/api/search?image={sent['id']}&top=40"))
        end = time.perf_counter()
        assert len(found["hits"]) == 40
        spent.append((between - start, end - between, end - start))
    # The first ones load the model.
    return 1000 * np.array(spent[5:])


def first_paint(server: Server) -> dict[str, int]:
    """Bytes of what a browser fetches before it shows anything, by name."""
    html = server.ask("GET", "/").decode()
    names = dict.fromkeys(re.findall(r'(?:href|src)="(/static/[\w.]+)"', html))
    return {"/": len(html), **{name: len(server.ask("GET", name)) for name in names}}


def crowd(server: Server) -> tuple[int, float]:
    """How many of 200 requests at once were answered, and after how many seconds all were."""
    done: list[bool] = []
    ready = threading.Barrier(CONNECTIONS + 1)

    def one(number: int) -> None:
        ready.wait()
        paths = ("/", f"/api/search?text=number+{number}", f"/api/search?like=D{number:07d}")
        done.append(bool(server.ask("GET", paths[number % len(paths)])))

    threads = [threading.Thread(target=one, args=(number,)) for number in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    ready.wait()
    start = time.perf_counter()
    for thread in threads:
        thread.join()
    return len(done), time.perf_counter() - start


def row(name: str, found: str, goal: str) -> str:
    """A line of the table."""
    return f"| {name} | {found} | {goal} |"


def measure(server: Server, drawings: int) -> list[str]:
    """The table, line by line."""
    spent = answers(server)
    quiet = server.megabytes()
    paint = first_paint(server)
    answered, seconds = crowd(server)
    crowded = server.megabytes()

    def times(column: int) -> str:
        values: Any = spent[:, column]
        return f"{np.median(values):.0f} ms, 95 %: {np.percentile(values, 95):.0f} ms"

    largest = ", ".join(
        f"{name.rpartition('/')[2] or 'page'} {size / 1000:.0f}"
        for name, size in sorted(paint.items(), key=lambda one: -one[1])[:4]
    )
    return [
        row(f"**over {drawings:,} drawings**", "", "goal"),
        "|---|---|---|",
        row("image sent, read and made ready", times(0), ""),
        row("searched", times(1), ""),
        row("from the first byte sent to the answer", times(2), "150 ms"),
        row("memory after that, workers included", f"{quiet:.0f} MB", "400 MB"),
        row(
            "fetched before the first paint",
            f"{sum(paint.values()) / 1000:.1f} kB ({largest})",
            "60 kB",
        ),
        row(
            f"{CONNECTIONS} requests at once (page, words, like)",
            f"{answered} answered, the last after {seconds:.1f} s",
            "all",
        ),
        row("memory after those", f"{crowded:.0f} MB", "400 MB"),
    ]


def main() -> None:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--drawings", type=int, default=100_000)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".md"))
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        index = Path(folder) / "index"
        make_index(index, wanted.drawings)
        with serving(index) as server:
            lines = measure(server, wanted.drawings)
    lines += [
        "",
        f"{platform.machine()}, {psutil.cpu_count()} cores, load {psutil.getloadavg()[0]:.0f}.",
    ]
    text = "\n".join(lines)
    wanted.out.write_text(f"{text}\n", "utf-8")
    print(text)


if __name__ == "__main__":
    main()
