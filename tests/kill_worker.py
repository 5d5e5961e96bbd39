"""What the test of named kills runs in a process of its own: everything a writer does, killed.

python kill_worker.py FOLDER BUNDLE OTHER once|always [STEP…]   prints each step and point of a kill

"once" kills at each point once, "always" whenever a step comes to one; all steps unless some are
named.
Each kill happens in a fork, so that a process with all its imports costs milliseconds. ``OTHER``
is a bundle of another space, for a rebuild.
"""

import json
import os
import re
import shutil
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

from sheet_files import write_patents
from stored import draw_patents, records_of_designs, views_of_designs

from edgepatent_runtime import faults
from edgepatent_runtime.bundle import Bundle
from edgepatent_runtime.collection import Collection, check, upkeep
from edgepatent_runtime.collection.filters import Filters
from edgepatent_runtime.encoder import Encoder
from edgepatent_runtime.errors import InputError
from edgepatent_runtime.record import Skipped
from edgepatent_runtime.sources import open_source
from edgepatent_runtime.update.applying import apply, rollback
from edgepatent_runtime.update.making import make

DESIGNS, VIEWS = 40, 3
RECORDS = records_of_designs(DESIGNS, VIEWS)
EMBEDDINGS = views_of_designs(DESIGNS, VIEWS, 64)
QUERY = views_of_designs(1, 1, 64, seed=9)

Step = Callable[[Path], None]


def add_some(index: Path, first: int, last: int) -> None:
    """Embeddings, stored and finished."""
    with Collection.open(index, write=True) as collection:
        collection.add_embeddings(RECORDS[first:last], EMBEDDINGS[first:last])
        collection.finish()


def steps(
    drawings: Path, sheets: Path, bundle: Bundle, other: Bundle
) -> dict[str, tuple[Step, Step]]:
    """Each thing a writer does, with what makes the index it begins with."""

    def none(index: Path) -> None:
        pass

    def create(index: Path) -> None:
        # Made where there is none yet: what edgepatent index add does.
        from edgepatent_runtime.collection.connection import exists

        if not exists(index):
            Collection.create(index, bundle).close()

    def filled(index: Path) -> None:
        create(index)
        add_some(index, 0, 90)

    def drawn(index: Path) -> None:
        create(index)
        add_drawings(index)

    def add(index: Path) -> None:
        add_some(index, 60, 120)

    def add_drawings(index: Path) -> None:
        source = open_source(str(drawings))
        with Collection.open(index, write=True) as collection:
            collection.add(source.records(Skipped()), Encoder(bundle), root=source.root)

    def remove(index: Path) -> None:
        with Collection.open(index, write=True) as collection:
            collection.remove(Filters(patents=("D000003", "D000007")))
            collection.finish()

    def compact(index: Path) -> None:
        with Collection.open(index, write=True) as collection:
            collection.compact()
            collection.finish()

    def removed(index: Path) -> None:
        filled(index)
        remove(index)

    def rebuild(index: Path) -> None:
        with Collection.open(index, write=True) as collection:
            if collection.space != other.info.space:
                collection.rebuild(Encoder(other), Skipped())

    def whole(index: Path) -> None:
        create(index)
        source = open_source(str(sheets))
        with Collection.open(index, write=True) as collection:
            collection.add(source.records(Skipped()), Encoder(bundle), root=source.root)

    def take_apart(index: Path) -> None:
        with Collection.open(index, write=True) as collection:
            collection.take_apart(Encoder(bundle), Skipped())

    def damaged(index: Path) -> None:
        filled(index)
        path = next(index.glob("vectors-*.rows"))
        with path.open("r+b") as file:
            file.seek(64 + 72 * 5)
            file.write(b"\xff")
        next(index.glob("signs-*")).unlink()

    def repair(index: Path) -> None:
        check.repair(index, Encoder(bundle))

    def week(index: Path) -> None:
        create(index)
        for first in (0, 30, 60):
            add_some(index, first, first + 45)
        remove(index)
        compact(index)
        add_some(index, 100, 120)

    def merge(index: Path) -> None:
        source = index.with_name("source")
        with (
            Collection.open(index, write=True) as target,
            Collection.open(source) as given,
        ):
            target.merge(given)
            target.finish()

    def merged(index: Path) -> None:
        source = index.with_name("source")
        shutil.rmtree(source, ignore_errors=True)
        drawn(source)
        filled(index)

    def pack(index: Path, change: Step) -> None:
        """What was changed by ``change``, packed beside the index, which is as it was before."""
        filled(index)
        for name in ("changed", "pack"):
            shutil.rmtree(index.with_name(name), ignore_errors=True)
        shutil.copytree(index, index.with_name("changed"))
        change(index.with_name("changed"))
        make(index.with_name("changed"), index, index.with_name("pack"))

    def packed(index: Path) -> None:
        pack(index, week)

    def packed_model(index: Path) -> None:
        def replaced(index: Path) -> None:
            shutil.rmtree(index)
            with Collection.create(index, other) as collection:
                collection.add_embeddings(RECORDS[30:], EMBEDDINGS[30:])

        pack(index, replaced)

    def update(index: Path) -> None:
        apply(index.with_name("pack"), index)

    def updated(index: Path) -> None:
        packed(index)
        update(index)

    def back(index: Path) -> None:
        with suppress(InputError):  # it is done, and nothing is left to do
            rollback(index)

    return {
        "create": (none, create),
        "add": (filled, add),
        "add drawings": (create, add_drawings),
        "remove": (filled, remove),
        "compact": (removed, compact),
        "rebuild": (drawn, rebuild),
        "figures": (whole, take_apart),
        "repair": (damaged, repair),
        "merge": (merged, merge),
        "week": (none, week),
        "update": (packed, update),
        "update model": (packed_model, update),
        "rollback": (updated, back),
    }


def content(index: Path) -> tuple[str, list[tuple[str, str]]] | None:
    """What is stored: its edition, and each drawing; None where there is no collection."""
    from edgepatent_runtime.collection.connection import exists

    if not exists(index):
        return None
    with Collection.open(index) as collection, collection.reading() as (known, taken):
        rows = taken.live_rows()
        taken.vectors.require(rows)
        stored = known.stored(rows.tolist())
        drawings = sorted((s.record.patent_id, str(s.path)) for s in stored.values())
    with Collection.open(index) as collection:
        return collection.edition().name, drawings


def files_of(index: Path) -> list[str]:
    """What lies in the folder once another writer has been there, without numbers."""
    Collection.open(index, write=True).close()
    return sorted(re.sub(r"\d+(-\d+)*", "N", path.name) for path in index.rglob("*"))


def in_fork(act: Callable[[], None]) -> int:
    """Do something in a fork; its exit status, or minus the signal that ended it."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            act()
            status = 0
        finally:
            sys.stderr.flush()
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def stop_at(number: int) -> Callable[[str], None]:
    """A hook that kills the process at the ``number``-th point it comes to."""
    seen = 0

    def hook(name: str) -> None:
        nonlocal seen
        seen += 1
        if seen == number:
            os.kill(os.getpid(), signal.SIGKILL)

    return hook


def points_of(step: Step, index: Path, told: Path) -> list[str]:
    """The points that a step comes to, in order."""

    def act() -> None:
        names: list[str] = []
        faults.hook = names.append
        step(index)
        told.write_text(json.dumps(names))

    assert in_fork(act) == 0
    return list(json.loads(told.read_text()))


def kill_everywhere(
    folder: Path, bundle: Bundle, other: Bundle, always: bool, only: list[str]
) -> None:
    """Kill each step at each point; afterwards all must be there, and the step can be done."""
    drawings = folder / "drawings"
    draw_patents(drawings, 6, 3)
    sheets = folder / "sheets"
    write_patents(sheets, 1)
    done: set[str] = set()
    for name, (prepare, step) in steps(drawings, sheets, bundle, other).items():
        if only and name not in only:
            continue
        fresh, index, told = folder / "fresh", folder / "index", folder / "told"
        shutil.rmtree(fresh, ignore_errors=True)
        assert in_fork(lambda: prepare(fresh)) == 0  # noqa: B023
        before = {"damaged": True} if name == "repair" else content(fresh)
        shutil.rmtree(index, ignore_errors=True)
        if fresh.exists():
            shutil.copytree(fresh, index)
        points = points_of(step, index, told)
        after = content(index)
        expected = files_of(index)
        for number, point in enumerate(points, start=1):
            if point in done and not always:
                continue
            done.add(point)
            shutil.rmtree(index)
            if fresh.exists():
                shutil.copytree(fresh, index)

            def act() -> None:
                faults.hook = stop_at(number)  # noqa: B023
                step(index)  # noqa: B023

            assert in_fork(act) == -signal.SIGKILL, (name, number, point)
            where = (name, number, point)
            if name != "repair":
                found = content(index)
                # What is done in several steps may have been done in part.
                assert found in (before, after) or name in ("create", "week"), where
                if found is not None:
                    assert check.verify(index) == [], where
            step(index)
            assert content(index) == after, where
            assert check.verify(index) == [], where
            assert files_of(index) == expected, where
            print(name, point, flush=True)


if __name__ == "__main__":
    # Small collections get a graph too, so that every kind of file is written.
    upkeep.EXACT_ROWS, upkeep.GRAPH_LAG = 50, 0
    np.seterr(all="raise", under="ignore")
    kill_everywhere(
        Path(sys.argv[1]),
        Bundle(sys.argv[2]),
        Bundle(sys.argv[3]),
        sys.argv[4] == "always",
        sys.argv[5:],
    )
