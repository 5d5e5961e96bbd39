"""What the crash test runs in processes of its own: a writer to be killed, and a reader.

python crash_worker.py write INDEX SEED FIRST   prints the number of each step it has done
python crash_worker.py read INDEX               searches until its stdin closes
"""

import sys
import threading
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

from stored import records_of_designs, views_of_designs

from edgepatent_runtime.collection import Collection, upkeep
from edgepatent_runtime.filters import Filters
from edgepatent_runtime.search.ranking import search

DESIGNS, VIEWS = 240, 2
RECORDS = records_of_designs(DESIGNS, VIEWS)
EMBEDDINGS = views_of_designs(DESIGNS, VIEWS, 64)
BY_PATH = {str(record.image): number for number, record in enumerate(RECORDS)}

Step = tuple[str, frozenset[int]]


def step(seed: int, number: int) -> Step:
    """The ``number``-th thing to do: its kind, and the records it is about."""
    rng = np.random.default_rng([seed, number])
    kind = str(rng.choice(["add", "add", "remove", "compact", "finish"]))
    designs = rng.choice(DESIGNS, 60 if kind == "add" else 15, replace=False)
    wanted = [n for n, record in enumerate(RECORDS) if int(record.patent_id[1:]) in designs]
    return kind, frozenset(wanted if kind in ("add", "remove") else ())


def after(present: frozenset[int], one: Step) -> frozenset[int]:
    """Which records are stored after a step."""
    kind, wanted = one
    return present | wanted if kind == "add" else present - wanted


def carry_out(collection: Collection, one: Step) -> None:
    """Do a step."""
    kind, wanted = one
    numbers = sorted(wanted)
    if kind == "add":
        collection.add_embeddings([RECORDS[n] for n in numbers], EMBEDDINGS[numbers])
    elif kind == "remove":
        patents = {RECORDS[n].patent_id for n in numbers}
        collection.remove(Filters(patents=tuple(sorted(patents))))
    elif kind == "compact":
        collection.compact()
    else:
        collection.finish()


def write(index: Path, seed: int, first: int) -> None:
    """Do step after step, and say after each that it is done."""
    with Collection.open(index, write=True) as collection:
        print("open", flush=True)
        for number in range(first, first + 10_000):
            carry_out(collection, step(seed, number))
            print(number, flush=True)


def stored_records(collection: Collection) -> tuple[int, list[int]]:
    """The generation, and the numbers of the records stored in it, each row as it should be."""
    with collection.reading() as (known, taken):
        rows = taken.live_rows()
        entries = known.stored(rows.tolist())
        numbers = [BY_PATH[entries[row].path] for row in rows.tolist()]
        read = taken.vectors.read(rows) @ taken.rotation
        taken.vectors.require(rows)
        generation = taken.state.generation
    likeness = np.sum(read * EMBEDDINGS[numbers], axis=1)
    assert likeness.min(initial=1) > 0.999, "a row holds another drawing"
    assert len(set(numbers)) == len(numbers), "a drawing is stored twice"
    return generation, numbers


def ranking(numbers: list[int], query: np.ndarray, top: int) -> list[tuple[str, float]]:
    """The best patents among the records ``numbers``, by brute force."""
    best: dict[str, float] = {}
    for number, score in zip(numbers, EMBEDDINGS[numbers] @ query, strict=True):
        patent = RECORDS[number].patent_id
        best[patent] = max(best.get(patent, -1.0), float(score))
    return sorted(best.items(), key=lambda entry: -entry[1])[:top]


def check_answer(collection: Collection, plan: str, seed: int) -> bool:
    """Search, and compare with brute force; False where the collection changed meanwhile."""
    query = views_of_designs(1, 1, 64, seed=seed)
    before, numbers = stored_records(collection)
    answer = search([collection], query, top=5, plan=plan)
    if stored_records(collection)[0] != before:
        return False
    expected = dict(ranking(numbers, query[0], len(numbers)))
    scores = [hit.score for hit in answer.hits]
    best = sorted(expected.values(), reverse=True)[:5]
    # Rows are rounded to 8 bits: scores agree to .005, and so does the ranking.
    assert len(scores) == len(best), (plan, scores, best)
    assert np.allclose(scores, best, atol=0.005), (plan, answer.plan, scores, best)
    for hit in answer.hits:
        assert abs(expected[hit.patent_id] - hit.score) < 0.005, (plan, hit.patent_id)
    return True


def read(index: Path) -> None:
    """Search by every plan, from new and from long open readers, until stdin closes."""
    stop = threading.Event()

    def wait() -> None:
        sys.stdin.read()
        stop.set()

    threading.Thread(target=wait, daemon=True).start()
    resident = Collection.open(index, resident=True)
    compared = dict.fromkeys(("auto", "exact", "scan", "graph"), 0)
    number = 0
    while not stop.is_set():
        for plan in compared:
            number += 1
            compared[plan] += check_answer(resident, plan, number)
            with Collection.open(index) as fresh:
                compared[plan] += check_answer(fresh, plan, number)
    print(compared, flush=True)
    assert min(compared.values()) > 0


if __name__ == "__main__":
    # Small collections get a graph too, so that every kind of file is written all the time.
    upkeep.EXACT_ROWS, upkeep.GRAPH_LAG = 100, 0
    if sys.argv[1] == "write":
        write(Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
    else:
        read(Path(sys.argv[2]))
