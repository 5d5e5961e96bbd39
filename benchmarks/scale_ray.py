"""The shards of benchmarks/scale.py, searched side by side by Ray Serve on this machine.

    python benchmarks/scale_ray.py --rows 1000000 --shards 8 --folder WORK

Rows, questions, clients and columns are those of scale.py, which shares WORK: what one of them has
filled or measured the other takes from there. The cluster has two nodes with a core each. Each
shard is one process, the front another; all of them, Ray's own and the clients' share this
machine's cores, so this says what a search costs and not how fast it is on machines of its own.
"One shard" is all rows in one, behind the same front: the difference is what fanning out costs.
Beside them the same shards as one process searches them. Seconds of processors are those of the
clients and, behind the plus, of all of Ray's processes, its idle ones among them.
"""

import argparse
import os
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import psutil
from scale import (
    CLIENTS,
    FILTER,
    Answers,
    Held,
    Kept,
    answers,
    asked,
    cloud,
    fresh,
    in_folder,
    in_shards,
    recall,
    table,
)

from edgepatent.web.presenting import present
from edgepatent_cluster import engine
from edgepatent_cluster.serving import served
from edgepatent_cluster.store import RayStore
from edgepatent_runtime.filters import Filters
from edgepatent_runtime.shards import Shard


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
    kept = Kept(folder / f"measured-{chosen.rows}-{chosen.shards}.json")
    shards = in_shards(folder, stored, chosen.shards, kept)
    del stored
    whole = in_folder(folder, shards, kept)

    def truth() -> list[Answers]:
        return [answers(whole, few, "exact", filters) for filters in (Filters(), FILTER)]

    exact = kept.part("exact", truth)

    def by_ray(name: str, place: Path, held: Held) -> dict[str, Any]:
        """Recall, a line for each number of clients, and the memory of the processes."""
        from ray_cluster import two_nodes

        # The cluster is one that only this machine reaches.
        os.environ.update(engine.ALONE)
        # Short: sockets lie in it.
        with (
            tempfile.TemporaryDirectory(
                prefix="ep-", dir="/tmp", ignore_cleanup_errors=True
            ) as ray,
            two_nodes(Path(ray), {}) as address,
            served(str(place), "scale", present, port=8765, cache=folder, address=address) as where,
        ):
            store = Held(name, [RayStore(where)], held.fill, held.graph, held.size)
            found = [
                recall(answers(store, few, "auto", filters), wanted)
                for filters, wanted in zip((Filters(), FILTER), exact, strict=True)
            ]
            print(name, *found, flush=True)
            lines = [asked(store, queries, clients, Children()) for clients in CLIENTS]
            return {"recall": found, "asked": lines, "memory": memory()}

    def in_one() -> dict[str, Any]:
        place = fresh(folder / "one")
        shutil.copytree(folder / "whole", place / Shard(1, 1).name, copy_function=os.link)
        return by_ray("Ray Serve, 1 shard", place, whole)

    many = f"Ray Serve, {chosen.shards} shards"
    here = kept.part(
        "shards, beside Ray", lambda: [asked(shards, queries, clients, None) for clients in CLIENTS]
    )
    ways = {
        many: kept.part("Ray", lambda: by_ray(many, folder / "shards", shards)),
        "Ray Serve, 1 shard": kept.part("Ray, one shard", in_one),
    }
    return "\n".join(
        [
            "# Shards searched side by side\n",
            __doc__ or "",
            f"## {chosen.rows:,} rows of 256 dimensions in {chosen.shards} shards\n",
            f"{len(queries)} queries (100 for recall); {os.cpu_count()} cores, shared with other "
            f"work: load {os.getloadavg()[0]:.1f}. {shards.size / chosen.rows:,.0f} bytes a row in "
            f"{chosen.shards} shards, {whole.size / chosen.rows:,.0f} in one.\n",
            table(
                ["way", "recall: drawings / patents", "the same, filtered to half",
                 "MB of a replica: all / its own", "MB of the front", "MB of Ray's own processes",
                 "replicas on each node"],
                [[name, *way["recall"], *way["memory"]] for name, way in ways.items()],
            ),
            "A replica's own memory is without the files it maps; its graph is in it.\n",
            table(
                ["way", "clients", "p50, ms", "p99, ms", "searches a second",
                 "processor, ms a search"],
                [*here, *(line for way in ways.values() for line in way["asked"])],
            ),
        ]
    )  # fmt: skip


def memory() -> list[str]:
    """What a replica holds in the mean, the front, and all else of Ray; replicas of each node."""
    replicas, front, rest = [], 0, 0
    for one in psutil.Process().children(recursive=True):
        try:
            named, held = " ".join(one.cmdline()), one.memory_info()
        except psutil.NoSuchProcess:
            continue
        if "ServeReplica" in named and ":shard-" in named:
            replicas.append((held.rss, held.rss - held.shared, one.ppid()))
        elif "ServeReplica" in named:
            front += held.rss
        else:
            rest += held.rss
    whole, own = (sum(one[kind] for one in replicas) / len(replicas) / 1e6 for kind in (0, 1))
    nodes = sorted(Counter(parent for *_, parent in replicas).values())
    return [
        f"{whole:.0f} / {own:.0f}",
        f"{front / 1e6:.0f}",
        f"{rest / 1e6:.0f}",
        " + ".join(map(str, nodes)),
    ]


if __name__ == "__main__":
    main()
