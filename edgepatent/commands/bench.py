"""``edgepatent bench``: how fast encoding and search are on this machine."""

import os
from collections.abc import Callable, Iterator
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
    from edgepatent.spent import Spent
    from edgepatent.trial import Row
    from edgepatent_runtime.bundle import Bundle

QUERIES = 20
_INDEXED = 64


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
@click.option(
    "--compare",
    is_flag=True,
    help="Time every format of the model, threads and batches, and say which are best here.",
)
@click.option(
    "--save", is_flag=True, help="With --compare: use what is best from now on, on this machine."
)
@json_option
def command(
    model: str, index: Path | str, runs: int, compare: bool, save: bool, as_json: bool
) -> None:
    """Measure encoding and search on this machine.

    Wall time in milliseconds, median and 95th percentile: decoding a sheet, encoding one drawing
    with one thread and with all, each search plan over the index where there is one, and a whole
    search in a process of its own. Close other programs first.

    With --compare: each format that the model comes in (export --both brings two), 1 to all
    threads, batches; searching and indexing in processes of their own with their peak of memory;
    temperature and what slows the board down, where it tells.
    """
    if save and not compare:
        raise click.UsageError("--save goes with --compare: nothing else is measured to be saved")
    if compare:
        _compare(open_bundle(model), index, runs, save, as_json)
        return
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
        console.say("there is no index: search was not measured", err=True)


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


class Whole(msgspec.Struct, frozen=True):
    """A whole command in a process of its own; ``megabytes`` is the peak of its memory."""

    what: str
    seconds: float
    megabytes: float | None


def _compare(bundle: "Bundle", index: Path | str, runs: int, save: bool, as_json: bool) -> None:
    from edgepatent import board, trial
    from edgepatent_runtime import device
    from edgepatent_runtime.bundle import MODEL
    from edgepatent_runtime.stores import exists

    before = board.state()
    rows = trial.run(bundle, runs, lambda line: console.say(line, err=True))
    warm = _searching(index, runs) if exists(index) else []
    chosen = trial.recommended(rows)
    if save:
        device.save(bundle.info.files[MODEL], chosen)
    # After saving: what is saved is what they use.
    whole = list(_whole(bundle, index))
    after = board.state()
    if as_json:
        console.print_json(
            {
                "machine": os.uname().machine,
                "model": bundle.info.name,
                "formats": rows,
                "search": warm,
                "commands": whole,
                "before": before,
                "after": after,
                "recommended": chosen,
                "saved": str(device.file()) if save else None,
            }
        )
        return
    _print_formats(rows)
    for timing in warm:
        console.say(f"{timing.what}: {timing.median_ms:.2f} ms")
    for one in whole:
        memory = "" if one.megabytes is None else f", {one.megabytes:.0f} MB at most"
        console.say(f"{one.what}: {one.seconds:.2f} s{memory}")
    console.say(f"board: {before}; afterwards {after}")
    if after.limits:
        console.warn("the board held itself back: cool it or give it more power, measure again")
    elif after.past:
        console.warn(f"since it started, at some time: {', '.join(after.past)}")
    console.say(
        f"best here: {chosen.precision}, --threads {chosen.threads} for a search; "
        f"{chosen.adding} threads and {chosen.batch} at once for index add"
    )
    if save:
        console.say(f"used from now on (saved in {device.file()}; remove it to go back)")
    else:
        console.say("--save uses it from now on", err=True)


def _print_formats(rows: "list[Row]") -> None:
    columns = ["format", "MB", "threads", "batch", "ms", "drawings/s", "golden cosine"]
    console.print_table(
        columns,
        [
            [
                row.format if row.kernels == "right" else f"{row.format}, {row.kernels} kernels",
                f"{row.megabytes:.1f}",
                str(row.threads),
                str(row.batch),
                f"{row.ms:.1f}",
                f"{row.a_second:.0f}",
                f"{row.cosine:.4f}",
            ]
            for row in rows
        ],
    )


def _whole(bundle: "Bundle", index: Path | str) -> Iterator[Whole]:
    """Search from cold, where there is an index, and indexing, into one that is thrown away."""
    import tempfile

    from PIL import Image

    from edgepatent.spent import spent
    from edgepatent_runtime.stores import exists

    with tempfile.TemporaryDirectory() as scratch:
        drawings = Path(scratch) / "drawings"
        drawings.mkdir()
        golden = bundle.golden[0][:, 0]
        for number in range(_INDEXED):
            # Turned, so that no two are the same file.
            turned = Image.fromarray(golden[number % len(golden)]).rotate(number, fillcolor=255)
            turned.save(drawings / f"{number}.png")
        made = Path(scratch) / "index"
        add = ["index", "add", str(drawings), "--index", str(made), "--model", str(bundle.folder)]
        took = spent(add)
        yield Whole(f"index add of {_INDEXED} drawings, a new process", *_fields(took))
        sheet = Path(scratch) / "sheet.tif"
        sheet.write_bytes(_sheet())
        searched = index if exists(index) else made
        search = ["search", str(sheet), "--index", str(searched), "--json", "--anyway"]
        took = min((spent(search) for _ in range(3)), key=lambda one: one.seconds)
        yield Whole("search, a new process (best of 3)", *_fields(took))


def _fields(took: "Spent") -> tuple[float, float | None]:
    return took.seconds, took.megabytes
