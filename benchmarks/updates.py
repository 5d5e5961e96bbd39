"""An index updated by a pack, killed again and again: what it costs, and what is left.

    python benchmarks/updates.py [--old 20000] [--new 2000] [--kills 40] [--model]

The index holds drawings of the starter's width, six a design, as embeddings that lie near each
other where the design is the same; each has a picture. The next edition has ``--new`` drawings
more, another title for one design in fifty, and one in a hundred less; with ``--model`` all of it
is of another model. ``edgepatent update apply`` runs as a program of its own and is killed
(SIGKILL) at a random instant of the time that it takes, on a fresh copy each time; a reader in a
third process asks all the while, and each of its answers has to be that of the old edition or of
the new.
"""

import argparse
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import msgspec
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from stored import records_of_designs, views_of_designs

from edgepatent_runtime.bundle import Bundle, write_info
from edgepatent_runtime.collection import Collection, check, thumbnails
from edgepatent_runtime.filters import Filters
from edgepatent_runtime.record import Record
from edgepatent_runtime.search.ranking import search
from edgepatent_runtime.update.pack import Pack

VIEWS = 6
READER = """
import sys, threading
sys.path.insert(0, sys.argv[2])
from updates import ask
from edgepatent_runtime.collection import Collection
stop = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
open_ = Collection.open(sys.argv[1])
print("open", flush=True)
while not stop.is_set():
    try:
        print(ask(open_), flush=True)
    except SpaceMismatchError:
        open_.close()
        open_ = Collection.open(sys.argv[1])
"""


def ask(collection: Collection) -> str:
    """The ten best patents for a fixed query, with their scores."""
    query = views_of_designs(1, 1, collection.dimensions, seed=77)
    hits = search([collection], query, top=10, plan="exact").hits
    return json.dumps([(hit.patent_id, round(hit.score, 4)) for hit in hits])


def put(collection: Collection, records: list[Record], vectors: np.ndarray, picture: bytes) -> None:
    """Store drawings with their pictures."""
    start = collection.writer.next_row
    collection.add_embeddings(records, vectors)
    rows = list(range(start, collection.writer.next_row))
    collection.writer.put_thumbnails(rows, [picture] * len(rows))


def make(folder: Path, old: int, new: int, other_model: bool) -> tuple[Path, Path]:
    """The two editions."""
    designs = (old + new) // VIEWS
    bundle = Bundle.starter()
    width = bundle.info.dimensions
    records, vectors = records_of_designs(designs, VIEWS), views_of_designs(designs, VIEWS, width)
    chance = np.random.default_rng(0)
    picture = thumbnails.make((chance.random((128, 128)) > 0.08).astype(np.uint8) * 255)
    first = old // VIEWS * VIEWS
    with Collection.create(folder / "old", bundle) as collection:
        put(collection, records[:first], vectors[:first], picture)
        collection.finish()
    if other_model:
        shutil.copytree(bundle.folder, folder / "bundle")
        write_info(folder / "bundle", msgspec.structs.replace(bundle.info, space="another"))
        Collection.create(folder / "new", Bundle(folder / "bundle")).close()
    else:
        shutil.copytree(folder / "old", folder / "new")
    with Collection.open(folder / "new", write=True) as collection:
        put(collection, records, vectors, picture)
        told = [number for number in range(first) if number // VIEWS % 50 == 7]
        mended = [msgspec.structs.replace(records[number], title="Mended") for number in told]
        collection.add_embeddings(mended, vectors[told])
        gone = tuple(f"D{number:06d}" for number in range(0, first // VIEWS, 100))
        collection.remove(Filters(patents=gone))
        collection.finish()
    return folder / "old", folder / "new"


def run(*arguments: object) -> tuple[float, float]:
    """``edgepatent ARGUMENTS``: seconds on the clock and of one core."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    command = [sys.executable, "-m", "edgepatent", *map(str, arguments)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - started, spent


def size(folder: Path) -> float:
    """MB of all files."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def answer(index: Path) -> str:
    """What `ask` gives there."""
    with Collection.open(index) as collection:
        return ask(collection)


def kill(folder: Path, old: Path, pack: Path, kills: int, takes: float) -> Counter[str]:
    """Kill an update so often; what was found afterwards, counted."""
    chance = random.Random(22)
    target = Pack(pack).info.target
    index, done = folder / "index", folder / "done"
    shutil.copytree(old, done)
    allowed = [answer(old)]
    run("update", "apply", pack, "--index", done)
    allowed.append(answer(done))
    found: Counter[str] = Counter()
    for _ in range(kills):
        shutil.rmtree(index, ignore_errors=True)
        shutil.copytree(old, index)
        reader = subprocess.Popen(
            [sys.executable, "-c", READER, index, str(Path(__file__).parent)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert reader.stdout is not None
        assert reader.stdout.readline() == "open\n"
        command = [sys.executable, "-m", "edgepatent", "update", "apply", pack, "--index", index]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as update:
            time.sleep(chance.uniform(0.1, 1.05) * takes)
            update.kill()
        with Collection.open(index) as collection:
            edition = collection.edition().name
        sound = check.verify(index) == []
        out, _ = reader.communicate("", timeout=120)
        asked = out.splitlines()
        right = reader.returncode == 0 and all(one in allowed for one in asked)
        state = "new" if edition == target else "old" if edition == Pack(pack).info.base else "torn"
        found[state] += 1
        found["damaged"] += not sound
        found["answers"] += len(asked)
        found["answers of neither"] += not right
        found["ended before the kill"] += update.returncode == 0
        run("update", "apply", pack, "--index", index)
        again = check.verify(index) == [] and answer(index) == allowed[1]
        with Collection.open(index) as collection:
            again = again and collection.edition().name == target
        found["not mended by the same command"] += not again
    return found


def main() -> None:
    """The command line: see above."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--old", type=int, default=20_000)
    parser.add_argument("--new", type=int, default=2_000)
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--model", action="store_true")
    asked = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        old, new = make(folder, asked.old, asked.new, asked.model)
        pack, index = folder / "pack", folder / "once"
        packing = run("update", "pack", "--index", new, "--from", old, "--out", pack)
        shutil.copytree(old, index)
        applying = run("update", "apply", pack, "--index", index)
        print(f"old {size(old):.1f} MB, new {size(new):.1f} MB, pack {size(pack):.1f} MB, "
              f"updated {size(index):.1f} MB")  # fmt: skip
        back = run("update", "rollback", "--index", index)
        for name, (wall, spent) in (("pack", packing), ("apply", applying), ("rollback", back)):
            print(f"{name}: {wall:.1f} s, {spent:.1f} s of one core")
        found = kill(folder, old, pack, asked.kills, applying[0])
        for name, count in found.items():
            print(f"{name}: {count}")


if __name__ == "__main__":
    main()
