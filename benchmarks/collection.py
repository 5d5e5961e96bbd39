"""Finding neighbours among a million embeddings: ours, and other libraries, in one run.

    python benchmarks/collection.py --rows 1000000 --out benchmarks/collection.md

Embeddings are drawn from a model of what real ones look like (`Shape`): 200 subclasses of unequal
size, each with a centre and a subspace of its own in which its designs lie, and for each subclass
another subspace in which the views of a design differ. With --real SOURCE the figures that describe
such a cloud are put beside those of real drawings, encoded by the starter bundle. Queries are
views of stored designs that were never stored.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# One thread a query; libraries that build with two are told so one by one.
os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import numpy.typing as npt

from edgepatent_runtime.bundle import Bundle, BundleInfo, write_info
from edgepatent_runtime.collection import Collection
from edgepatent_runtime.collection.graph import SAMPLE_CANDIDATES, choose_leading, held
from edgepatent_runtime.collection.nearest import Reach, nearest
from edgepatent_runtime.record import ImageRef, Record
from edgepatent_runtime.search import ranking

Floats = npt.NDArray[np.float32]
Ids = npt.NDArray[np.int64]

VIEWS = 7
TOP = 10


def unit(vectors: npt.NDArray[Any]) -> Floats:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True), np.float32)


@dataclass(frozen=True)
class Shape:
    """What the cloud of embeddings looks like; the weights were fitted to real ones by eye.

    The variance of dimension i falls as i^-decay. A drawing is centre of the subclass (weight 1)
    + the design's place in the subclass's subspace (``designs`` dimensions, weight ``spread``) +
    the view's in another (``views`` dimensions, weight ``turn``) + what fits nowhere (``noise``).
    """

    dimensions: int = 256
    subclasses: int = 200
    decay: float = 0.6
    spread: float = 1.3
    designs: int = 12
    turn: float = 1.3
    views: int = 6
    noise: float = 0.5

    def draw(self, designs: int, views: int, seed: int) -> Iterator[tuple[Ids, Floats]]:
        """Design numbers [n] and embeddings [n, views, D], subclass by subclass."""
        scale = np.arange(1, self.dimensions + 1) ** (-self.decay / 2)
        scale /= np.sqrt((scale**2).sum())
        share = np.arange(1, self.subclasses + 1) ** -0.7
        chosen = np.random.default_rng(seed).choice(self.subclasses, designs, p=share / share.sum())
        falling = np.arange(1, self.designs + 1) ** -0.5
        falling /= np.sqrt((falling**2).sum())
        for subclass in range(self.subclasses):
            members = np.flatnonzero(chosen == subclass)
            if not len(members):
                continue
            rng = np.random.default_rng([seed, subclass])

            def normal(*shape: int, rng: np.random.Generator = rng) -> Floats:
                return rng.standard_normal((*shape, self.dimensions), np.float32) * scale

            centre = normal()
            places, turns = normal(self.designs), normal(self.views) / np.sqrt(self.views)
            where = rng.standard_normal((len(members), self.designs)) * falling
            how = rng.standard_normal((len(members), views, self.views))
            design = centre + self.spread * (where @ places) + self.noise * normal(len(members))
            view = self.turn * (how @ turns) + 0.5 * self.noise * normal(len(members), views)
            yield members, unit(design[:, None] + view)


def cloud(rows: int, queries: int, seed: int = 0) -> tuple[Floats, Floats]:
    """Stored embeddings [rows, D], design by design, and unseen views [queries, D] of some."""
    designs = -(-rows // VIEWS)
    stored = np.empty((designs, VIEWS, 256), np.float32)
    unseen = np.empty((designs, 256), np.float32)
    for members, views in Shape().draw(designs, VIEWS + 1, seed):
        stored[members] = views[:, :VIEWS]
        unseen[members] = views[:, VIEWS]
    wanted = np.random.default_rng(seed + 1).choice(designs, queries, replace=False)
    return stored.reshape(-1, 256)[:rows], unseen[wanted]


def describe(embeddings: Floats, patents: npt.NDArray[Any]) -> list[str]:
    """Figures that describe a cloud: see the table's head."""
    scores = embeddings @ embeddings.T
    same = patents[:, None] == patents[None]
    np.fill_diagonal(same, False)
    others = ~same
    np.fill_diagonal(others, False)
    np.fill_diagonal(scores, -9)
    ranked = -np.sort(-scores, axis=1)[:, :100]
    variance = np.sort(np.linalg.eigvalsh(np.cov(embeddings.T)))[::-1]

    def intrinsic(k: int) -> float:
        distance = np.sqrt(np.maximum(2 - 2 * ranked[:, :k], 1e-12))
        return float(np.median(1 / np.mean(np.log(distance[:, -1:] / distance[:, :-1]), axis=1)))

    return [
        f"{len(embeddings)}",
        f"{np.median(scores[same]):.2f}",
        f"{scores[others].std():.2f}",
        f"{np.median(ranked[:, 0]):.2f} / {np.median(ranked[:, 9]):.2f}",
        f"{variance[:64].sum() / variance.sum():.2f}",
        f"{intrinsic(20):.0f} / {intrinsic(100):.0f}",
        f"{held(embeddings, 64, SAMPLE_CANDIDATES):.3f}",
        f"{choose_leading(embeddings, SAMPLE_CANDIDATES)}",
    ]


def real_clouds(specs: list[str]) -> Iterator[tuple[str, list[str]]]:
    """The same figures for the drawings of 400 real patents, by the starter bundle."""
    from edgepatent.encoding import encode_records, open_model, read_records
    from edgepatent_runtime.progress import silent
    from edgepatent_runtime.record import Skipped

    model = open_model("starter", threads=2)
    for spec in specs:
        listed = list(read_records([spec], Skipped()))
        patents = sorted({record.patent_id for record in listed})
        some = set(np.random.default_rng(0).permutation(patents)[:400].tolist())
        chosen = [record for record in listed if record.patent_id in some]
        kept, embeddings = encode_records(chosen, model, Skipped(), silent)
        name = f"{Path(spec).name}, starter"
        yield name, describe(embeddings, np.array([record.patent_id for record in kept]))


def records(rows: int) -> Iterator[Record]:
    """What a catalog knows of each stored row."""
    for row in range(rows):
        design, view = divmod(row, VIEWS)
        code = f"{design % 32 + 1:02d}-{design % 7 + 1:02d}"
        yield Record(
            ImageRef(f"USD{design:07d}-20210105/USD{design:07d}-20210105-D{view + 1:05d}.TIF"),
            f"USD{design:07d}",
            locarno=code,
            klass=code[:2],
            subclass=code,
            figure=str(view + 1),
            title=f"Chair with {design % 977} slats",
            date=f"{1995 + design % 30}-{design % 12 + 1:02d}-05",
        )


@dataclass(frozen=True)
class Took:
    """Seconds that something took: by the clock, of processors, and those (of the main thread)
    without a processor, which others used.
    """

    wall: float
    processor: float
    waited: float = 0.0

    def __str__(self) -> str:
        return f"{self.wall:.0f} ({self.processor:.0f})"


class Stopwatch:
    """Measures from its making to `took`."""

    def __init__(self) -> None:
        self._wall, self._processor = time.perf_counter(), time.process_time()
        self._waited = _waited()

    def took(self) -> Took:
        """The time since then."""
        wall, processor = time.perf_counter() - self._wall, time.process_time() - self._processor
        return Took(wall, processor, _waited() - self._waited)


def _waited() -> float:
    """Seconds that the main thread was ready to run, and did not: Linux counts them."""
    told = Path("/proc/self/schedstat")
    return int(told.read_text().split()[1]) / 1e9 if told.exists() else 0.0


NOTHING = Took(0, 0)


@dataclass
class Way:
    """One way to find neighbours: ``find`` gives the ids [k] of a query's candidates."""

    name: str
    find: Callable[[Floats], Ids]
    bytes_a_vector: float
    build: Took
    queries: int = 1000


def timed(way: Way, queries: Floats) -> tuple[list[Ids], float, float]:
    """The first ten of each query, and the median milliseconds of one: wall, and processor."""
    for query in queries[:20]:
        way.find(query)
    found, walls, processor = [], [], []
    for query in queries:
        start, before = time.perf_counter(), time.thread_time()
        ids = way.find(query)
        processor.append(time.thread_time() - before)
        walls.append(time.perf_counter() - start)
        found.append(np.asarray(ids[:TOP], np.int64))
    return found, float(np.median(walls)) * 1000, float(np.median(processor)) * 1000


def recall(found: list[Ids], truth: Ids) -> float:
    return float(np.mean([np.isin(t, f).mean() for f, t in zip(found, truth, strict=True)]))


def truth(stored: Callable[[slice], Floats], rows: int, queries: Floats) -> Ids:
    """The exact first ten [Q, 10] of every query, in blocks of rows."""
    scores = np.full((len(queries), TOP), -9, np.float32)
    ids = np.zeros((len(queries), TOP), np.int64)
    for start in range(0, rows, 50_000):
        block = queries @ stored(slice(start, min(start + 50_000, rows))).T
        best = np.argpartition(-block, TOP, axis=1)[:, :TOP]
        scores = np.concatenate([scores, np.take_along_axis(block, best, 1)], axis=1)
        ids = np.concatenate([ids, best + start], axis=1)
        keep = np.argsort(-scores, axis=1)[:, :TOP]
        scores, ids = np.take_along_axis(scores, keep, 1), np.take_along_axis(ids, keep, 1)
    return ids


def ours(collection: Collection, seconds: dict[str, Took], sizes: dict[str, float]) -> list[Way]:
    """The three plans, on rows alone; and the whole search, with the catalog, by each."""
    with collection.reading() as (_, snapshot):
        scope = Reach(snapshot, np.zeros(0, np.int64))
    common = sizes["rows"]

    def plan(name: str) -> Callable[[Floats], Ids]:
        def find(query: Floats) -> Ids:
            rows, scores, _ = nearest(scope, name, query, 50)
            return rows[np.argsort(-scores)]

        return find

    return [
        Way("edgepatent exact", plan("exact"), common, NOTHING, 100),
        Way("edgepatent scan", plan("scan"), common + sizes["signs"], seconds["add"]),
        Way("edgepatent graph", plan("graph"), common + sizes["graph"], seconds["graph"]),
    ]


def hnswlib_alone(stored: Floats) -> Way:
    import hnswlib

    watch = Stopwatch()
    index = hnswlib.Index(space="ip", dim=stored.shape[1])
    index.init_index(max_elements=len(stored), M=16, ef_construction=120, random_seed=1)
    index.add_items(stored, num_threads=2)
    build = watch.took()
    index.set_ef(256)
    find = lambda query: index.knn_query(query[None], TOP, num_threads=1)[0][0]  # noqa: E731
    return Way("hnswlib, ef 256", find, index.index_file_size() / len(stored), build)


def faiss_hnsw(stored: Floats) -> Way:
    import faiss

    faiss.omp_set_num_threads(2)
    watch = Stopwatch()
    index = faiss.IndexHNSWFlat(stored.shape[1], 16, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = 120
    index.add(stored)
    build = watch.took()
    index.hnsw.efSearch = 256
    faiss.omp_set_num_threads(1)
    size = len(faiss.serialize_index(index)) / len(stored)
    return Way("faiss HNSW, ef 256", lambda q: index.search(q[None], TOP)[1][0], size, build)


def faiss_ivfpq(stored: Floats) -> Way:
    import faiss

    faiss.omp_set_num_threads(2)
    watch = Stopwatch()
    lists = int(2 * np.sqrt(len(stored)))
    quantizer = faiss.IndexFlatIP(stored.shape[1])
    index = faiss.IndexIVFPQ(quantizer, stored.shape[1], lists, 64, 8, faiss.METRIC_INNER_PRODUCT)
    index.cp.niter = 6
    sample = np.random.default_rng(0).choice(len(stored), min(len(stored), 30 * lists), False)
    index.train(stored[sample])
    index.add(stored)
    build = watch.took()
    index.nprobe = 64
    faiss.omp_set_num_threads(1)
    size = len(faiss.serialize_index(index)) / len(stored)
    find = lambda query: index.search(query[None], TOP)[1][0]  # noqa: E731
    return Way("faiss IVF-PQ64, 64 probes", find, size, build)


def usearch_int8(stored: Floats) -> Way:
    from usearch.index import Index

    watch = Stopwatch()
    index = Index(ndim=stored.shape[1], metric="ip", dtype="i8", connectivity=16, expansion_add=120)
    index.add(np.arange(len(stored)), stored, threads=2)
    build = watch.took()
    index.expansion_search = 256
    size = index.serialized_length / len(stored)
    find = lambda query: np.asarray(index.search(query, TOP, threads=1).keys)  # noqa: E731
    return Way("usearch int8, expansion 256", find, size, build)


def exact_numpy(stored: Floats) -> Way:
    def find(query: Floats) -> Ids:
        scores = stored @ query
        best = np.argpartition(-scores, TOP)[:TOP]
        return best[np.argsort(-scores[best])]

    return Way("numpy, float32, exact", find, stored.shape[1] * 4, NOTHING, 100)


BASELINES = {
    "numpy": exact_numpy,
    "ivfpq": faiss_ivfpq,
    "usearch": usearch_int8,
    "hnswlib": hnswlib_alone,
    "faiss": faiss_hnsw,
}

COLD = """
import sys, time
import cv2, onnxruntime
import numpy as np
from edgepatent_runtime.collection import Collection
from edgepatent_runtime.search import ranking
with Collection.open(sys.argv[1]) as collection:
    answer = ranking.search([collection], np.load(sys.argv[2]), plan=sys.argv[3])
assert len(answer.hits) == 10
peak = [line for line in open("/proc/self/status") if line.startswith("VmHWM")][0].split()[1]
print(time.process_time() * 1000, int(peak) / 1024, answer.milliseconds)
"""


def cold(folder: Path, query: Floats, plan: str) -> list[str]:
    """A new process asks once: wall ms, processor ms, ms of the search, peak MB. Median of nine."""
    runs = []
    with tempfile.NamedTemporaryFile(suffix=".npy") as file:
        np.save(file, query[None])
        file.flush()
        for _ in range(9):
            start = time.perf_counter()
            out = subprocess.run(
                [sys.executable, "-c", COLD, str(folder), file.name, plan],
                check=True,
                capture_output=True,
                text=True,
                env={**os.environ, "OMP_NUM_THREADS": "1", "ORT_DISABLE_TELEMETRY": "1"},
            ).stdout.split()
            wall = (time.perf_counter() - start) * 1000
            processor, peak, search = map(float, out)
            runs.append((wall, processor, search, peak))
    return [plan, *(f"{np.median(column):.0f}" for column in zip(*runs, strict=True))]


def empty_bundle(folder: Path, dimensions: int) -> Bundle:
    """A bundle without a model, for ready embeddings."""
    folder.mkdir(parents=True)
    info = BundleInfo(1, "benchmark", "benchmark", 224, dimensions, "fp32", "portable",
                      "none", "2026-01-01", {}, {})  # fmt: skip
    write_info(folder, info)
    return Bundle(folder)


def build(folder: Path, stored: Floats) -> tuple[dict[str, Took], dict[str, float]]:
    """Add all rows, each batch durable, then the graph: seconds, and bytes a vector by file."""
    bundle = empty_bundle(folder.with_name(f"{folder.name}-bundle"), stored.shape[1])
    seconds = {}
    with Collection.create(folder, bundle) as collection:
        watch = Stopwatch()
        collection.add_embeddings(records(len(stored)), stored)
        seconds["add"] = watch.took()
        watch = Stopwatch()
        collection.finish(threads=2)
        seconds["graph"] = watch.took()
    sizes = {"rows": 0.0, "signs": 0.0, "graph": 0.0, "catalog": 0.0}
    for path in folder.iterdir():
        kind = {"vectors": "rows"}.get(stem := path.name.split("-")[0].split(".")[0], stem)
        if kind in sizes:
            sizes[kind] += path.stat().st_size / len(stored)
    return seconds, sizes


def whole_search(collection: Collection, queries: Floats, plan: str) -> list[str]:
    """Median milliseconds of a search with catalog, patents and checksums: wall, processor."""
    ranking.search([collection], queries[0], plan=plan)
    walls, processor = [], []
    for query in queries[1 : 21 if plan == "exact" else 201]:
        before = time.thread_time()
        walls.append(ranking.search([collection], query, plan=plan).milliseconds)
        processor.append((time.thread_time() - before) * 1000)
    return [plan, f"{np.median(walls):.1f}", f"{np.median(processor):.1f}"]


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def shapes(stored: Floats, real: list[str]) -> str:
    # Whole designs, drawn from all.
    every = np.random.default_rng(2).choice(len(stored) // VIEWS, 570, replace=False)
    whole = stored[: len(stored) // VIEWS * VIEWS].reshape(-1, VIEWS, 256)
    some = whole[every]
    rows = [["benchmark", *describe(some.reshape(-1, 256), np.repeat(np.arange(570), VIEWS))]]
    rows += [[name, *figures] for name, figures in real_clouds(real)]
    head = ["cloud", "drawings", "cosine within a patent", "σ of cosine between patents",
            "cosine of 1st / 10th neighbour", "variance in 64 leading dimensions",
            "intrinsic dimension (20 / 100 neighbours)",
            "top 10 among 200 nearest by 64 dimensions", "dimensions of its graph"]  # fmt: skip
    return table(head, rows)


def compare(ways: Iterator[Way], queries: Floats, exact: Ids, real: Ids) -> list[list[str]]:
    """A line of the table for each way; ``exact`` over int8 rows and ``real`` over floats."""
    lines = []
    for way in ways:
        asked = min(way.queries, len(queries))
        found, wall, processor = timed(way, queries[:asked])
        lines.append(
            [way.name, f"{recall(found, exact[:asked]):.4f}",
             f"{recall(found, real[:asked]):.4f}",
             f"{wall:.2f}", f"{processor:.2f}", f"{way.bytes_a_vector:.0f}",
             str(way.build) if way.build.wall else "–"]
        )  # fmt: skip
        print(*lines[-1], sep="  ", flush=True)
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--baselines", nargs="*", default=list(BASELINES), choices=BASELINES)
    parser.add_argument("--baseline-rows", type=int, default=1_000_000)
    parser.add_argument("--real", nargs="*", default=[], help="sources to compare the cloud with")
    parser.add_argument("--folder", type=Path, help="where the index goes, and stays")
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = chosen.folder or Path(temporary)
        report = measure(folder, chosen)
    print(report)
    if chosen.out:
        chosen.out.write_text(report)


HEAD = ["way", "recall@10, int8", "recall@10, float32", "ms a query", "of them processor",
        "bytes a vector", "seconds to build (processor)"]  # fmt: skip


def side_by_side(
    folder: Path, stored: Floats, queries: Floats, baselines: list[str]
) -> tuple[list[list[str]], dict[str, Took], dict[str, float]]:
    """Build an index of ``stored`` and compare all ways in it; lines for `HEAD`."""
    seconds, sizes = build(folder, stored)
    print(seconds, sizes, flush=True)
    real = truth(lambda block: stored[block], len(stored), queries)
    with Collection.open(folder, resident=True) as collection:
        with collection.reading() as (_, taken):
            rotated = queries @ taken.rotation.T
            rows = taken.vectors
        numbers = np.arange(len(stored))
        exact = truth(lambda block: rows.read(numbers[block]), len(stored), rotated)
        lines = compare(iter(ours(collection, seconds, sizes)), queries, exact, real)
    lines += compare((BASELINES[name](stored) for name in baselines), queries, exact, real)
    return lines, seconds, sizes


def measure(folder: Path, chosen: argparse.Namespace) -> str:
    stored, queries = cloud(chosen.rows, chosen.queries)
    report = ["# Finding neighbours\n", __doc__ or "", shapes(stored, chosen.real)]
    lines, seconds, sizes = side_by_side(folder / "index", stored, queries, ["numpy"])
    with Collection.open(folder / "index", resident=True) as collection:
        searches = [whole_search(collection, queries, plan) for plan in ("graph", "scan", "exact")]
    processes = [cold(folder / "index", queries[0], plan) for plan in ("auto", "exact")]
    total = sum(p.stat().st_size for p in (folder / "index").rglob("*") if p.is_file())
    report += [
        f"## {len(stored):,} vectors of 256 dimensions\n",
        f"{len(queries)} queries (100 for the exact ways), one thread a query, two to build; "
        f"{os.cpu_count()} cores shared with other work, load {os.getloadavg()[0]:.1f}: so "
        "processor time is given beside the clock's. Recall@10 against the exact ten over the "
        "stored int8 rows, and over the float32 ones.\n",
        table(HEAD, lines),
        "A whole search (median ms): candidates, exact scores, grouping to patents, catalog, "
        "checksums.\n",
        table(["plan", "ms", "of them processor"], searches),
        "A new process (imports of OpenCV, onnxruntime and all; files in the page cache), median "
        "of nine.\n",
        table(
            ["plan", "ms in all", "of them processor", "ms of the search", "MB resident at most"],
            processes,
        ),
        f"Adding: {len(stored) / seconds['add'].wall:,.0f} rows a second by the clock, "
        f"{len(stored) / seconds['add'].processor:,.0f} a processor second, each batch synced. "
        f"The graph took {seconds['graph']} s (of processors) on two threads. "
        "Bytes a vector on disk: "
        + ", ".join(f"{kind} {size:.0f}" for kind, size in sizes.items())
        + f", in all {total / len(stored):.0f}.\n",
    ]
    if chosen.out:
        chosen.out.write_text("\n".join(report))
    if chosen.baselines:
        some, queries = cloud(chosen.baseline_rows, chosen.queries)
        lines, _, _ = side_by_side(folder / "small", some, queries, chosen.baselines)
        report += [f"## {len(some):,} vectors, beside other libraries\n", table(HEAD, lines)]
    return "\n".join(report)


if __name__ == "__main__":
    main()
