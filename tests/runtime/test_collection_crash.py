"""kill -9 at random instants while a writer adds, removes and compacts, and readers go on."""

import random
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import crash_worker
import pytest

from edgepatent_runtime.bundle import Bundle
from edgepatent_runtime.collection import Collection, check
from edgepatent_runtime.collection.connection import NAME, exists
from edgepatent_runtime.errors import CollectionError

WORKER = Path(crash_worker.__file__)
SEED = 20261122


def killed_writer(index: Path, first: int, seconds: float) -> int:
    """Run the writer from step ``first``, kill it after so long; how many steps it had done."""
    command = [sys.executable, str(WORKER), "write", str(index), str(SEED), str(first)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "open\n"
        time.sleep(seconds)
        writer.kill()
        said = writer.stdout.read().splitlines()
    assert writer.returncode == -9, "the writer failed by itself"
    whole = [line for line in said if line.isdigit()]
    return int(whole[-1]) + 1 if whole else first


def kill_again_and_again(bundle: Bundle, index: Path, kills: int) -> None:
    Collection.create(index, bundle).close()
    # The reader needs something to find from the beginning.
    with Collection.open(index, write=True) as collection:
        crash_worker.carry_out(collection, ("add", frozenset(range(200))))
    present = frozenset(range(200))
    reader = subprocess.Popen(
        [sys.executable, str(WORKER), "read", str(index)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    chance = random.Random(SEED)
    done = 0
    try:
        for kill in range(kills):
            upto = killed_writer(index, done, chance.uniform(0.0, 0.6))
            for number in range(done, upto):
                present = crash_worker.after(present, crash_worker.step(SEED, number))
            done = upto
            # Only what the killed writer had said is sure; the step in flight may count or not.
            in_flight = crash_worker.after(present, crash_worker.step(SEED, done))
            if kill % 5 == 0:
                # As after a loss of power: what is on the disk, opened elsewhere.
                copy = index.with_name("copy")
                shutil.copytree(index, copy)
                _require(copy, present, in_flight)
                shutil.rmtree(copy)
            present = _require(index, present, in_flight)
            assert reader.poll() is None, reader.stderr.read() if reader.stderr else ""
    finally:
        out, err = reader.communicate("")
    assert reader.returncode == 0, err
    assert "graph" in out
    # And the next writer goes on.
    with Collection.open(index, write=True) as collection:
        for number in range(done, done + 8):
            crash_worker.carry_out(collection, crash_worker.step(SEED, number))
    assert check.verify(index) == []


def _require(index: Path, *states: frozenset[int]) -> frozenset[int]:
    """The collection opens, is sound, holds one of ``states`` and answers by every plan."""
    assert check.verify(index) == []
    with Collection.open(index, resident=True) as collection:
        found = frozenset(crash_worker.stored_records(collection)[1])
        assert found in states
        for plan in ("exact", "scan", "graph"):
            assert crash_worker.check_answer(collection, plan, 7)
    return found


def test_killed_writers_lose_nothing_that_was_committed(
    tiny_bundle: Bundle, tmp_path: Path
) -> None:
    kill_again_and_again(tiny_bundle, tmp_path / "index", 5)


@pytest.mark.slow
def test_fifty_killed_writers_lose_nothing_that_was_committed(
    tiny_bundle: Bundle, tmp_path: Path
) -> None:
    kill_again_and_again(tiny_bundle, tmp_path / "index", 50)


def test_a_catalog_left_with_a_hot_journal_while_it_was_made_can_be_made(
    tiny_bundle: Bundle, tmp_path: Path
) -> None:
    # As a killed maker of the first version left it: pages in the file, and a journal that says
    # that there were none before.
    index, aside = tmp_path / "index", tmp_path / "aside"
    index.mkdir()
    aside.mkdir()
    with closing(sqlite3.connect(aside / NAME, isolation_level=None)) as sql:
        sql.execute("PRAGMA cache_size = 1")
        sql.execute("BEGIN IMMEDIATE")
        sql.execute("CREATE TABLE state (content BLOB)")
        sql.executemany("INSERT INTO state VALUES (?)", [(bytes(5000),)] * 50)
        for file in aside.iterdir():
            shutil.copy(file, index)
    assert (index / NAME).stat().st_size
    assert (index / f"{NAME}-journal").stat().st_size
    assert not exists(index)
    with pytest.raises(CollectionError, match="there is no index"):
        Collection.open(index)
    Collection.create(index, tiny_bundle).close()
    with Collection.open(index) as collection:
        assert collection.info().drawings == 0
    assert check.verify(index) == []


@pytest.mark.parametrize("left", ["", "-wal", "-journal", ".new", ".new-wal", ".new-journal"])
def test_what_a_killed_maker_leaves_does_not_keep_from_making(
    tiny_bundle: Bundle, tmp_path: Path, left: str
) -> None:
    (tmp_path / f"{NAME}{left}").write_bytes(b"")
    Collection.create(tmp_path, tiny_bundle).close()
    assert check.verify(tmp_path) == []
