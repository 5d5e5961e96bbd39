"""Nobody writes into a catalog that is read as it is, however a writer ends, whoever may lock."""

import gc
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from stored import records_of_designs, views_of_designs

from edgepatent_runtime.bundle import Bundle
from edgepatent_runtime.collection import Collection, check, connection, handles, seal
from edgepatent_runtime.collection.connection import NAME
from edgepatent_runtime.collection.writer import Writer
from edgepatent_runtime.errors import CollectionError

RECORDS = records_of_designs(30, 2)
EMBEDDINGS = views_of_designs(30, 2, 64)

# A writer without a reader beside it, which would be the last by chance.
WRITES = """
import os, signal, sys
from pathlib import Path
from edgepatent_runtime import faults
from edgepatent_runtime.collection.writer import Writer
def kill(point):
    if point == sys.argv[2]:
        os.kill(os.getpid(), signal.SIGKILL)
faults.hook = kill
writer = Writer(Path(sys.argv[1]))
writer.edits.begin()
writer.edits.root("/one more")
writer.commit()
"""
ENDS = {
    "forgotten": "",
    "collected": "import gc; del writer; gc.collect()",
    "exits": "sys.exit(3)",
    "fails": "raise RuntimeError",
    "ends at once": "os._exit(4)",
}


@pytest.fixture
def index(tiny_bundle: Bundle, tmp_path: Path) -> Path:
    """A collection of 60 drawings at rest."""
    folder = tmp_path / "index"
    with Collection.create(folder, tiny_bundle) as collection:
        collection.add_embeddings(RECORDS, EMBEDDINGS)
    return folder


def roots(collection: Collection) -> list[str]:
    return list(collection.info().roots)


def write(index: Path, end: str, killed_at: str = "") -> None:
    subprocess.run(
        [sys.executable, "-c", WRITES + end, index, killed_at], capture_output=True, check=False
    )


@pytest.mark.parametrize("end", ENDS)
def test_a_writer_that_nobody_closes_leaves_the_file_to_older_readers(
    index: Path, end: str
) -> None:
    file = (index / NAME).read_bytes()
    with Collection.open(index) as reader:
        with reader.reading() as (known, _):
            write(index, ENDS[end])
            assert (index / NAME).read_bytes() == file
            assert known.roots() == {}
            with Collection.open(index) as late:
                assert roots(late) == ["one more"]
        # Nor does one who comes after it, and reads by the log: he is the last to leave.
        assert (index / NAME).read_bytes() == file
        assert roots(reader) == ["one more"]
    assert (index / NAME).read_bytes() == file
    Collection.open(index, write=True).close()
    assert check.verify(index) == []
    assert not seal.has_log(index / NAME)


@pytest.mark.parametrize("point", ["seal.lifted", "catalog.changed", "catalog.committed"])
def test_a_killed_writer_and_one_that_fails_after_it_leave_the_file_to_older_readers(
    index: Path, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = (index / NAME).read_bytes()
    with Collection.open(index) as reader, reader.reading() as (known, _):
        write(index, "", killed_at=point)
        # The next comes as far as its connection, and no further.
        with monkeypatch.context() as patch:
            patch.setattr(connection.schema, "digest", lambda sql: "another")
            with pytest.raises(CollectionError, match="not a catalog of ours"):
                Writer(index)
        gc.collect()
        assert (index / NAME).read_bytes() == file
        write(index, "", killed_at="catalog.committed")
        assert (index / NAME).read_bytes() == file
        assert known.roots() == {}
    with Collection.open(index, write=True) as collection:
        assert roots(collection) == ["one more"]
    assert check.verify(index) == []


def test_a_digest_takes_no_lock_away(index: Path) -> None:
    """That SQLite holds: by them the last writer knows that it is not alone."""
    locked = (
        "import fcntl, sys\n"
        "file = open(sys.argv[1], 'r+b')\n"
        # Where SQLite locks whoever has a catalog open: https://sqlite.org/src, os.h.
        "try: fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 510, 0x40000002)\n"
        "except OSError: sys.exit(1)\n"
    )

    def free() -> bool:
        done = subprocess.run([sys.executable, "-c", locked, index / NAME], check=False)
        return done.returncode == 0

    writer = Writer(index)
    with Collection.open(index) as reader:
        with reader.reading() as (known, _):
            assert not free()
            writer.close()
            # The seal was put: the whole file was read, in this process.
            assert (index / seal.SEAL).exists()
            assert not free()
            assert check.verify(index) == []
            assert not free()
            assert known.counts()[0] == 60
        # From the next question on it is read as it is, without locks.
        assert roots(reader) == []
        assert free()
    # What had to stay open for the reader went with it.
    assert not handles._kept


class WithoutSharedMemory(sqlite3.Connection):
    """As SQLite reads in a folder that it cannot write, where a log's shared memory is not."""

    def execute(self, *_: object) -> sqlite3.Cursor:
        raise sqlite3.OperationalError("unable to open database file")


@pytest.fixture
def unwritable(index: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An index without a seal, in a folder in which readers cannot write."""
    (index / seal.SEAL).unlink()
    read_only = connection.read_only

    def refused(path: Path, *, alone: bool) -> sqlite3.Connection:
        return read_only(path, alone=True) if alone else WithoutSharedMemory(":memory:")

    monkeypatch.setattr(connection, "read_only", refused)
    return index


def test_who_may_not_write_reads_what_is_there(unwritable: Path) -> None:
    before = {path.name for path in unwritable.iterdir()}
    with Collection.open(unwritable) as reader:
        assert roots(reader) == []
        # Each question looks anew.
        write(unwritable, "writer.close()")
        assert roots(reader) == ["one more"]
    assert {path.name for path in unwritable.iterdir()} - before == {seal.SEAL}


@pytest.mark.parametrize("end", ["writer.close()", ""])
def test_who_may_not_write_is_told_that_somebody_did(unwritable: Path, end: str) -> None:
    def ask(reader: Collection) -> None:
        with reader.reading() as (known, _):
            write(unwritable, end)
            known.counts()

    told = "was written while it was read: ask again"
    with Collection.open(unwritable) as reader, pytest.raises(CollectionError, match=told):
        ask(reader)


def test_what_looks_damaged_while_somebody_writes_is_to_be_asked_again(unwritable: Path) -> None:
    def ask(reader: Collection) -> None:
        with reader.reading():
            (unwritable / f"{NAME}-wal").write_bytes(b"a log")
            raise sqlite3.DatabaseError("database disk image is malformed")

    with Collection.open(unwritable) as reader, pytest.raises(CollectionError, match="ask again"):
        ask(reader)
