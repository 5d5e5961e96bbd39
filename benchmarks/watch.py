"""Hundreds of watches over a week of new designs: how long `edgepatent watch run` takes.

    python benchmarks/watch.py [--watches 500] [--designs 1500] [--old 50000]

The index holds drawings of the starter's width that were there before (``--old``) and those of the
week, six a design, as embeddings that lie near each other where the design is the same; each has
a picture. The watches ask with synthetic sheets, whole files that are decoded and encoded; every
second one has a filter. The command runs as it would from cron, one process on one core.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec
import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from stored import records_of_designs, views_of_designs

from edgepatent import kept
from edgepatent.watch import Watch, Watches
from edgepatent_runtime import sources
from edgepatent_runtime.collection import Collection, thumbnails
from edgepatent_runtime.index import Index
from edgepatent_runtime.record import ImageRef, Skipped
from edgepatent_runtime.search.request import Query, Request

VIEWS = 6
# The peak as the kernel counts it for this program: ru_maxrss begins with that of who forked it.
PROGRAM = """
import sys
from edgepatent.cli import run
status = run(sys.argv[1:])
print(open("/proc/self/status").read().split("VmHWM:")[1].split()[0], file=sys.stderr)
sys.exit(status)
"""


def fill(folder: Path, designs: int, seed: int, picture: bytes) -> int:
    """Add designs to the index; the generation before they came."""
    with Collection.open(folder, write=True) as collection:
        before = collection.writer.state
        records = [
            msgspec.structs.replace(
                record,
                patent_id=f"USD{seed}{record.patent_id[1:]}",
                image=ImageRef(f"{seed}/{record.image.path}"),
            )
            for record in records_of_designs(designs, VIEWS)
        ]
        vectors = views_of_designs(designs, VIEWS, collection.dimensions, seed=seed)
        collection.add_embeddings(records, vectors)
        rows = list(range(before.rows, collection.writer.state.rows))
        collection.writer.put_thumbnails(rows, [picture] * len(rows))
        collection.finish()
    return before.generation


def watch_all(folder: Path, index: Path, count: int, generation: int) -> None:
    """``count`` watches, each with a sheet of its own."""
    watches = Watches(folder)
    sheet = folder.parent / "sheet.png"
    source = sources.open_source(f"synthetic:seed=5,designs={count},views=1")
    for number, record in enumerate(source.records(Skipped())):
        Image.fromarray(sources.read_page(record.image)).save(sheet)
        filters = {"locarno": ["01", "02"]} if number % 2 else {}
        request = Request(queries=(Query(str(sheet)),), top=10, anyway=True, **filters)
        watch = Watch(
            name=f"watch {number:04}",
            created=kept.now(),
            request=watches.keep_queries(request, {}),
            indexes=(str(index),),
        )
        watches.add(watch, {str(index): generation})


def run(folder: Path, *arguments: str) -> tuple[float, float, float, dict[str, object]]:
    """Wall seconds, CPU seconds, peak MB and what was printed by ``watch run``."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "watch", "run", "--json", *arguments],
        env={**os.environ, "EDGEPATENT_WATCHES": str(folder), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, cpu, int(done.stderr.split()[-1]) / 1024, json.loads(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--watches", type=int, default=500)
    parser.add_argument("--designs", type=int, default=1500)
    parser.add_argument("--old", type=int, default=50_000)
    settings = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        index = work / "index"
        Index.create(index).close()
        rng = np.random.default_rng(1)
        picture = thumbnails.make(rng.choice([0, 255], (128, 128), p=[0.1, 0.9]).astype(np.uint8))
        fill(index, settings.old // VIEWS, 1, picture)
        generation = fill(index, settings.designs, 2, picture)
        watch_all(work / "watches", index, settings.watches, generation)
        print(f"{settings.watches} watches, {settings.old:,} drawings before, "
              f"{settings.designs:,} new designs of {VIEWS} drawings\n")  # fmt: skip
        print("| run | wall s | CPU s | peak MB | designs shown | page MB |")
        print("|---|---|---|---|---|---|")
        page = work / "digest.html"
        for label in ("the week", "again: nothing new"):
            wall, cpu, peak, document = run(work / "watches", "--html", str(page))
            size = page.stat().st_size / 1e6
            print(f"| {label} | {wall:.1f} | {cpu:.1f} | {peak:.0f} | "
                  f"{document['designs']} | {size:.1f} |")  # fmt: skip


if __name__ == "__main__":
    main()
