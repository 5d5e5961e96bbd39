"""``edgepatent bench``: how fast encoding and search are on this machine."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import click
import msgspec

from edgepatent import console
from edgepatent.options import json_option, model_option, open_bundle
from edgepatent.places import index_option

if TYPE_CHECKING:
    from edgepatent_runtime.bundle import Bundle

QUERIES = 20


class Timing(msgspec.Struct, frozen=True):
    """What was measured: wall time in milliseconds, over ``runs`` after a warm-up."""

    what: str
    median_ms: float
    p95_ms: float
    runs: int


@click.command()
@model_option
@index_option
@click.option(
    "--runs",
    type=click.IntRange(min=5),
    default=50,
    show_default=True,
    metavar="N",
    help="How often each step is timed.",
)
@json_option
def command(model: str, index: Path | str, runs: int, as_json: bool) -> None:
    """Measure encoding and search on this machine.

    Wall time in milliseconds, median and 95th percentile: decoding a sheet, encoding one drawing
    with one thread and with all, each search plan over the index where there is one, and a whole
    search in a process of its own. Close other programs first.
    """
    from edgepatent_runtime.stores import exists

    timings = [_decoding(runs), *_encoding(open_bundle(model), runs)]
    if exists(index):
        timings += _searching(index, runs)
        timings.append(_cold(index))
    if as_json:
        console.print_json({"machine": os.uname().machine, "timings": timings})
        return
    rows = [[t.what, f"{t.median_ms:.2f}", f"{t.p95_ms:.2f}", str(t.runs)] for t in timings]
    console.print_table(["", "median ms", "95 % within", "runs"], rows)
    if not exists(index):
        console.say(f"no index in {index}: search was not measured", err=True)


def _timed(what: str, runs: int, step: Callable[[], object]) -> Timing:
    import numpy as np

    for _ in range(max(1, runs // 10)):
        step()
    times = []
    for _ in range(runs):
        start = perf_counter()
        step()
        times.append((perf_counter() - start) * 1000)
    median, p95 = np.percentile(times, (50, 95))
    return Timing(what, round(float(median), 3), round(float(p95), 3), runs)


def _sheet() -> bytes:
    """A synthetic drawing on a sheet of letter size at 300 dpi, as a group-4 TIFF."""
    from io import BytesIO

    import numpy as np
    from PIL import Image

    from edgepatent_runtime import sources
    from edgepatent_runtime.record import Skipped

    record = next(
        iter(sources.open_source("synthetic:designs=1,seed=1,views=1").records(Skipped()))
    )
    drawing = Image.fromarray(sources.read_page(record.image)).resize((1600, 1600))
    sheet = Image.new("L", (2550, 3300), 255)
    sheet.paste(drawing, (475, 850))
    out = BytesIO()
    Image.fromarray(np.asarray(sheet) > 128).save(out, "TIFF", compression="group4")
    return out.getvalue()


def _decoding(runs: int) -> Timing:
    from edgepatent_runtime import drawing

    data = _sheet()
    return _timed("decode a 300 dpi sheet", runs, lambda: drawing.read_drawing(data, 224))


def _encoding(bundle: "Bundle", runs: int) -> list[Timing]:
    from edgepatent_runtime.encoder import Encoder

    drawings = bundle.golden[0][:1]
    timings = []
    for threads in sorted({1, os.cpu_count() or 1}):
        encoder = Encoder(bundle, threads=threads)
        what = f"encode a drawing, {threads} thread{'s' if threads > 1 else ''}"
        timings.append(_timed(what, runs, partial(encoder.encode, drawings)))
    return timings


def _searching(index: Path | str, runs: int) -> list[Timing]:
    """Every plan, with stored rows as queries."""
    import numpy as np

    from edgepatent_runtime.filters import Filters
    from edgepatent_runtime.index import Index

    timings = []
    with Index.open(index, resident=True) as opened:
        with opened.stores[0].moment() as moment:
            rows = moment.scope(Filters()).rows()
            queries = moment.embeddings(rows[:: max(1, len(rows) // QUERIES)][:QUERIES])
        turn = iter(range(10**9))
        plans = set()
        for plan in ("exact", "scan", "graph"):

            def step(plan: str = plan) -> str:
                vector = queries[next(turn) % len(queries)]
                return opened.search(vector / np.linalg.norm(vector), plan=plan).answer.plan

            # A plan that cannot be carried out (no graph yet, say) falls back to another.
            carried_out = step()
            if carried_out not in plans:
                what = f"search {len(rows):,} drawings, {carried_out}"
                timings.append(_timed(what, runs, step))
            plans.add(carried_out)
    return timings


def _cold(index: Path | str) -> Timing:
    """``edgepatent search`` in a fresh process, start to end."""
    import subprocess
    import sys
    import tempfile

    with tempfile.NamedTemporaryFile(suffix=".tif") as file:
        file.write(_sheet())
        file.flush()
        command = [sys.executable, "-m", "edgepatent", "search", file.name]
        command += ["--index", str(index), "--json", "--anyway"]

        def step() -> None:
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

        return _timed("edgepatent search, a new process", 5, step)
