"""The shards of benchmarks/scale.py, searched side by side by Ray Serve on this machine.

    python benchmarks/scale_ray.py --rows 100000 --shards 4 --out benchmarks/scale_ray.md

Rows, questions, clients and columns are those of scale.py. Each shard is one process, the front
another; all of them, Ray's own and the clients' share this machine's cores, so this says what a
search costs and not how fast it is on machines of its own. Beside it the same shards as one process
searches them. Seconds of processors are those of the clients and, behind the plus, of all of Ray's
processes, its idle ones among them.
"""

import argparse
import json
import os
import tempfile
from pathlib import Path

import psutil
from scale import (
    CLIENTS,
    FILTER,
    Held,
    Kept,
    answers,
    asked,
    cloud,
    in_shards,
    recall,
    table,
)

from edgepatent.web.presenting import present
from edgepatent_cluster.serving import served
from edgepatent_cluster.store import RayStore
from edgepatent_runtime.filters import Filters


class Children:
    """The processors of everything that this process has started."""

    def seconds(self) -> float:
        """What they have used so far."""
        total = 0.0
        for one in psutil.Process().children(recursive=True):
            try:
                total += sum(one.cpu_times()[:2])
            except psutil.NoSuchProcess:
                continue
        return total


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--shards", type=int, default=4)
    parser.add_argument("--folder", type=Path, help="where the indexes go, and stay")
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        report = measure(chosen, chosen.folder or Path(temporary))
    print(report)
    if chosen.out:
        chosen.out.write_text(report)


def measure(chosen: argparse.Namespace, folder: Path) -> str:
    stored, queries = cloud(chosen.rows, chosen.queries)
    few = queries[:100]
    folder.mkdir(parents=True, exist_ok=True)
    shards = in_shards(folder, stored, chosen.shards, Kept(folder / "measured.json"))
    print(shards.fill, shards.size, flush=True)
    exact = [answers(shards, few, "exact", filters) for filters in (Filters(), FILTER)]
    lines = [asked(shards, queries, clients, None) for clients in CLIENTS]
    print(json.dumps(lines), flush=True)
    place = str(folder / "shards")
    with served(place, "scale", present, port=8765, cache=folder) as address:
        ray = Held("Ray Serve", [RayStore(address)], shards.fill, shards.graph, shards.size)
        found = [
            recall(answers(ray, few, "auto", filters), wanted)
            for filters, wanted in zip((Filters(), FILTER), exact, strict=True)
        ]
        print(found, flush=True)
        lines += [asked(ray, queries, clients, Children()) for clients in CLIENTS]
        memory = [one.memory_info().rss for one in psutil.Process().children(recursive=True)]
    return "\n".join(
        [
            "# Shards searched side by side\n",
            __doc__ or "",
            f"## {chosen.rows:,} rows of 256 dimensions in {chosen.shards} shards\n",
            f"{len(queries)} queries (100 for recall); {os.cpu_count()} cores, shared with other "
            f"work: load {os.getloadavg()[0]:.1f}, run at nice {os.nice(0)}. Filled in "
            f"{shards.fill} seconds by the clock "
            f"(and of a processor), {shards.size / chosen.rows:,.0f} bytes a row. Recall of Ray "
            f"Serve, drawings / patents: {found[0]}, filtered to half {found[1]}. All of Ray's "
            f"{len(memory)} processes hold {sum(memory) / 1e9:.1f} GB, pages that they share "
            "counted for each.\n",
            table(
                ["way", "clients", "p50, ms", "p99, ms", "searches a second",
                 "processor, ms a search"],
                lines,
            ),
        ]
    )  # fmt: skip


if __name__ == "__main__":
    main()
