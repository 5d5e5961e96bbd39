"""What a search, an index and the page cost a small machine in memory; a search and models in time.

    python benchmarks/device.py small [--rows N …] [--limit MB] [--write]
    python benchmarks/device.py quick [--index DIR] [--pairs N] [--write]
    python benchmarks/device.py models [--model NAME|BUNDLE …] [--pairs N] [--write]

``small`` runs the real commands in processes of their own and compares their peaks with budgets:
VmHWM, the kernel's account, summed over a command and what it started. It exits with 1 where one is
passed (``make memory``). Beside it stands what they held together at one moment, pages of libraries
that several of them map counted once. Indexes of many rows hold random unit vectors. With
``--limit`` search and ``index add`` run once more under a real limit of memory (a cgroup, version 1
or 2, which takes root; else `ulimit -v`), as on a board of that size.

``quick`` runs a cold search and the bare imports of what it needs in turns: processor time, medians
over pairs. ``models`` encodes one drawing by each model in turns, on one thread. Each writes its
own section of ``device.md``.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from edgepatent import spent as accounts
from edgepatent.spent import spent

TABLE = Path(__file__).with_suffix(".md")
PYTHON = sys.executable
# What a cold search cannot do without.
BARE = "import numpy, cv2, onnxruntime, click, sqlite3, msgspec"
_LOOK_EVERY_S = 0.05

# MB (10⁶ bytes) of a command and what it starts: what is aimed at, pages that they share counted
# once, and what the sum of their peaks may not pass any more: a tenth above the most that was
# measured, with all of the libraries in the system's cache.
BUDGETS = {
    "search over 100,000 drawings": (110, 177),
    "search over 1,000,000 drawings": (160, 180),
    "index add of 300 drawings": (220, 312),
    "search with a sheet of 50 megapixels, 1 bit": (300, 238),
    "search with a sheet of 50 megapixels, grey": (300, 268),
    "serve, after ten searches": (250, 372),
}

_MAKE_ROWS = """
import sys
import numpy as np
from edgepatent_runtime.bundle import Bundle
from edgepatent_runtime.collection import Collection
from edgepatent_runtime.record import ImageRef, Record

folder, rows, step = sys.argv[1], int(sys.argv[2]), 32768
random = np.random.default_rng(0)
with Collection.create(folder, Bundle.starter()) as collection:
    for start in range(0, rows, step):
        numbers = range(start, min(start + step, rows))
        vectors = random.standard_normal((len(numbers), 256), np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        records = (
            Record(
                ImageRef(f"USD{row // 4:07d}/{row % 4}.png"), f"USD{row // 4:07d}",
                locarno="06-01", klass="06", subclass="06-01", figure=str(row % 4 + 1),
                title=f"Chair with {row // 4 % 977} slats", date="2021-01-05",
            )
            for row in numbers
        )
        collection.add_embeddings(records, vectors)
"""

_MAKE_SHEETS = """
import sys
from pathlib import Path
from PIL import Image
from edgepatent_runtime import sources
from edgepatent_runtime.record import Skipped

folder = Path(sys.argv[1])
record = next(iter(sources.open_source("synthetic:designs=1,seed=1,views=1").records(Skipped())))
drawing = Image.fromarray(sources.read_page(record.image))
small = Image.new("L", (2550, 3300), 255)
small.paste(drawing.resize((1600, 1600)), (475, 850))
small.point(lambda v: 255 * (v > 128)).convert("1").save(folder / "sheet.tif", compression="group4")
large = Image.new("L", (6200, 8100), 255)
large.paste(drawing.resize((4000, 4000)), (1100, 2000))
large.save(folder / "large.png")
large.point(lambda v: 255 * (v > 128)).convert("1").save(folder / "large.tif", compression="group4")
"""


def made(code: str, *arguments: str) -> None:
    """Run a piece of Python in a process of its own: what it takes counts for nobody."""
    subprocess.run([PYTHON, "-c", code, *arguments], check=True, stdout=subprocess.DEVNULL)


def search(query: Path, index: Path) -> list[str]:
    """A search from cold, as a program asks for it."""
    return ["search", str(query), "--index", str(index), "--json", "--anyway"]


class Took(NamedTuple):
    """MB at the peak: of the command ``alone``, of ``all`` its processes, each at its own peak.

    ``once`` is the most that they were seen to hold at one moment, pages that several of them map
    counted once.
    """

    alone: float
    all: float
    once: float


class Watched:
    """A running command and what it starts, looked at again and again."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._peaks: dict[int, int] = {}
        self._once = 0

    def look(self) -> None:
        """Take what it holds now into account."""
        accounts.look(self._pid, self._peaks)
        self._once = max(self._once, _held(accounts.family(self._pid)))

    @property
    def took(self) -> Took:
        """What was seen."""
        own, whole = self._peaks[self._pid], sum(self._peaks.values())
        return Took(own / 1e6, whole / 1e6, max(self._once, own) / 1e6)


def _held(pids: Iterable[int]) -> int:
    """Bytes that processes hold: their own, and of each file as much as the one that maps most.

    The kernel's own share (PSS) would depend on who else maps the same libraries on this machine.
    """
    own, files = 0, Counter[str]()
    for pid in pids:
        mapped, name = Counter[str](), ""
        try:
            lines = (accounts.PROC / str(pid) / "smaps").read_text("utf-8", "replace").splitlines()
        except OSError:
            continue  # it has ended
        for line in lines:
            key, _, value = line.partition(":")
            if "-" in key:
                name = line[73:]
            elif key == "Rss":
                mapped[name] += int(value.split()[0]) * 1024
            elif key == "Anonymous":
                mapped[name] -= int(value.split()[0]) * 1024
                own += int(value.split()[0]) * 1024
        files |= mapped
    return own + files.total()


def took(arguments: Sequence[str]) -> Took:
    """What ``edgepatent ARGUMENTS`` takes. Raises `subprocess.CalledProcessError`."""
    command = [PYTHON, "-m", "edgepatent", *arguments]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        watched = Watched(process.pid)
        while process.poll() is None:
            watched.look()
            with suppress(subprocess.TimeoutExpired):
                process.wait(_LOOK_EVERY_S)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return watched.took


def served(index: Path, query: Path) -> Took:
    """What ``serve`` and what it started takes, over ten searches with a sheet."""
    import http.client

    command = [PYTHON, "-m", "edgepatent", "serve", "--port", "0", "--index", str(index)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            assert process.stdout is not None
            address = process.stdout.readline().decode()
            match = re.match(r"http://([\w.]+):(\d+)/\?token=([\w-]+)", address)
            assert match, address
            headers = {"authorization": f"Bearer {match[3]}"}

            def ask(method: str, path: str, body: bytes | None = None) -> bytes:
                connection = http.client.HTTPConnection(match[1], int(match[2]), timeout=300)
                connection.request(method, path, body, headers)
                answer = connection.getresponse()
                data = answer.read()
                connection.close()
                assert answer.status == 200, (path, answer.status)
                return data

            watched = Watched(process.pid)
            for _ in range(10):
                sent = json.loads(ask("POST", "/api/images", query.read_bytes()))
                ask("GET", f"/api/search?image={sent['id']}&top=40")
                watched.look()
            return watched.took
        finally:
            process.terminate()


@contextmanager
def limited(megabytes: int) -> Iterator[tuple[str, Callable[[Sequence[str]], bool]]]:
    """How memory is limited here, and what runs a command so: whether it came to its end."""
    controllers = Path("/sys/fs/cgroup/cgroup.controllers")
    two = controllers.is_file() and "memory" in controllers.read_text()
    root = Path("/sys/fs/cgroup") if two else Path("/sys/fs/cgroup/memory")
    group = root / f"edgepatent-{os.getpid()}"
    try:
        group.mkdir()
    except OSError:
        yield "ulimit -v", lambda words: _runs(["ulimit", "-v", str(megabytes * 1000)], words)
        return
    try:
        name = "memory.max" if two else "memory.limit_in_bytes"
        (group / name).write_text(str(megabytes * 10**6))
        inside = f"echo $$ > {group}/cgroup.procs"
        kind = f"a cgroup (version {2 if two else 1}, page cache counted in)"
        yield kind, lambda words: _runs([inside], words)
    finally:
        group.rmdir()


def _runs(before: Sequence[str], words: Sequence[str]) -> bool:
    command = [PYTHON, "-m", "edgepatent", *words]
    script = f'{" ".join(before)} && exec "$@"'
    done = subprocess.run(["sh", "-c", script, "sh", *command], capture_output=True, check=False)
    return done.returncode == 0


def small(rows: Sequence[int], limit: int, keep: Path | None) -> tuple[list[str], bool]:
    """The lines of the section, and whether every budget was kept."""
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch) if keep is None else keep
        made(_MAKE_SHEETS, scratch)
        sheet = Path(scratch) / "sheet.tif"
        seen: dict[str, Took] = {}
        indexes = [work / f"rows-{count}" for count in rows]
        for count, index in zip(rows, indexes, strict=True):
            if not index.exists():
                made(_MAKE_ROWS, str(index), str(count))
        # The first of all keeps what the next ones find: bytecode and the optimised graph.
        spent(search(sheet, indexes[0]))
        for count, index in zip(rows, indexes, strict=True):
            seen[f"search over {count:,} drawings"] = took(search(sheet, index))
        drawings = Path(scratch) / "drawings"
        synthesize = ["--designs", "100", "--views", "3", "--seed", "1"]
        spent(["data", "synthesize", "--out", str(drawings), *synthesize])
        add = ["index", "add", str(drawings), "--index"]
        seen["index add of 300 drawings"] = took([*add, f"{scratch}/added"])
        for name, kind in (("large.tif", "1 bit"), ("large.png", "grey")):
            large = took(search(Path(scratch) / name, indexes[0]))
            seen[f"search with a sheet of 50 megapixels, {kind}"] = large
        seen["serve, after ten searches"] = served(indexes[0], sheet)
        lines = [
            "| | MB | with what it starts | pages shared once | aim | limit |",
            "|---|---|---|---|---|---|",
        ]
        kept = True
        for what, one in seen.items():
            aim, most = BUDGETS.get(what, (0, 0))
            kept = kept and (not most or one.all <= most)
            told = f"{aim}, missed" if one.once > aim else str(aim)
            lines.append(
                f"| {what} | {one.alone:.0f} | {one.all:.0f} | {one.once:.0f} | {told} | {most} |"
            )
        if limit:
            lines += ["", *_on_a_board(limit, sheet, indexes, [*add, f"{scratch}/board"])]
        return lines, kept


def _on_a_board(limit: int, sheet: Path, indexes: list[Path], add: list[str]) -> Iterator[str]:
    with limited(limit) as (kind, run):
        done = [
            *(run(search(sheet, index)) for index in indexes),
            run(add),
            run(["index", "verify", "--index", add[-1]]),
        ]
    what = [*(f"search in {index.name}" for index in indexes), "index add", "index verify"]
    told = ", ".join(
        f"{one}: {'done' if ended else 'failed'}" for one, ended in zip(what, done, strict=True)
    )
    yield f"Under {kind} of {limit} MB: {told}."


def quick(index: Path, query: Path, pairs: int) -> list[str]:
    """The lines of the section: a cold search beside its bare imports, in turns."""
    imports = [PYTHON, "-c", BARE]
    words = [PYTHON, "-m", "edgepatent", *search(query, index)]
    times = [(_processor(imports), _processor(words)) for _ in range(pairs + 1)][1:]
    ratios = [searched / bare for bare, searched in times]
    low, middle, high = statistics.quantiles(ratios, n=4)
    bare, searched = (statistics.median(column) for column in zip(*times, strict=True))
    return [
        f"Processor time of `{BARE}`: {1000 * bare:.0f} ms; of a cold `edgepatent search`: "
        f"{1000 * searched:.0f} ms; median ratio of {pairs} pairs in turns {middle:.2f} "
        f"(quartiles {low:.2f} to {high:.2f}); aimed at: 1.7."
    ]


def models(names: Sequence[str], rounds: int) -> list[str]:
    """The lines of the section: one drawing by each model, in turns on one thread."""
    import numpy as np

    from edgepatent_runtime.bundle import MODEL, Bundle
    from edgepatent_runtime.encoder import Encoder, saturates

    bundles = [Bundle.named(name) for name in names]
    encoders = [Encoder(bundle) for bundle in bundles]
    drawings = [np.load(bundle.folder / "golden.npz")["drawings"][:1] for bundle in bundles]
    took = np.empty((rounds + 5, len(names), 2))
    for turn in took:
        for place, (encoder, drawing) in enumerate(zip(encoders, drawings, strict=True)):
            wall, processor = time.perf_counter(), time.process_time()
            encoder.encode(drawing)
            turn[place] = time.perf_counter() - wall, time.process_time() - processor
    took = 1000 * took[5:]
    middle = np.median(took, 0)
    ratios = took[:, :1, 1] / took[:, :, 1]
    quartiles = np.quantile(ratios, [0.25, 0.5, 0.75], axis=0)
    kind = "without" if saturates() else "with"
    lines = [
        f"One drawing on one thread of a processor {kind} 8-bit dot products, medians of {rounds} "
        "in turns; how many times as fast as the first in processor time, with quartiles.",
        "",
        "| model | pixels | MB | ms | processor ms | times as fast |",
        "|---|---|---|---|---|---|",
    ]
    for place, (name, bundle) in enumerate(zip(names, bundles, strict=True)):
        low, half, high = quartiles[:, place]
        size = (bundle.folder / MODEL).stat().st_size / 1e6
        times = f"{half:.2f} ({low:.2f} to {high:.2f})" if place else ""
        lines.append(
            f"| {name} | {bundle.info.size} | {size:.2f} | {middle[place, 0]:.1f} "
            f"| {middle[place, 1]:.1f} | {times} |"
        )
    return lines


def _processor(command: Sequence[str]) -> float:
    """Seconds of processors that a command took."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "ORT_DISABLE_TELEMETRY": "1"}
    before = os.times()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                   env=environment)  # fmt: skip
    after = os.times()
    spent_user = after.children_user - before.children_user
    return spent_user + after.children_system - before.children_system


def put(section: str, lines: Sequence[str]) -> None:
    """Write the measured part of a section of the table: what stands between its two marks."""
    begin, end = f"<!-- {section} -->", f"<!-- /{section} -->"
    text = TABLE.read_text("utf-8")
    before, _, rest = text.partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        raise SystemExit(f"{TABLE} has no place for {section}: {begin} … {end}")
    TABLE.write_text(before + "\n".join([begin, *lines, end]) + after, "utf-8")


def main() -> None:
    """Measure one section."""
    parser: Any = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("section", choices=["small", "quick", "models"])
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--limit", type=int, default=512, help="MB; 0 leaves it out")
    parser.add_argument("--work", type=Path, help="keep the indexes of many rows in this folder")
    parser.add_argument("--index", type=Path, help="the index that quick searches")
    parser.add_argument("--query", type=Path, help="the sheet that quick searches with")
    parser.add_argument("--model", nargs="+", default=["starter", "starter-small"])
    parser.add_argument("--pairs", type=int, help="how many turns; 15, or 100 for models")
    parser.add_argument("--write", action="store_true", help=f"write {TABLE.name}")
    chosen = parser.parse_args()
    # pip compiles what it installs: what is measured reads bytecode, from its second run on.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    if chosen.section == "small":
        lines, kept = small(chosen.rows, chosen.limit, chosen.work)
    elif chosen.section == "quick":
        lines, kept = quick(chosen.index, chosen.query, chosen.pairs or 15), True
    else:
        lines, kept = models(chosen.model, chosen.pairs or 100), True
    print("\n".join(lines))
    if chosen.write:
        put(chosen.section, lines)
    if not kept:
        sys.exit("a budget is passed")


if __name__ == "__main__":
    main()
