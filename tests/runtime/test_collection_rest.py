"""Reading changes nothing in the folder, whoever writes meanwhile, was killed, or hangs."""

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from stored import records_of_designs, views_of_designs

from edgepatent_runtime import names
from edgepatent_runtime.bundle import Bundle
from edgepatent_runtime.collection import Collection, check, seal, writer
from edgepatent_runtime.collection.connection import NAME

RECORDS = records_of_designs(30, 2)
EMBEDDINGS = views_of_designs(30, 2, 64)
LOGS = {f"{NAME}-wal", f"{NAME}-shm"}


@pytest.fixture
def index(tiny_bundle: Bundle, tmp_path: Path) -> Path:
    """A collection of 40 drawings at rest."""
    folder = tmp_path / "index"
    with Collection.create(folder, tiny_bundle) as collection:
        collection.add_embeddings(RECORDS[:40], EMBEDDINGS[:40])
    return folder


def listing(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """Every file with its inode, time of change and content."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {
        str(path.relative_to(folder)): (
            path.stat().st_ino, path.stat().st_mtime_ns, path.read_bytes()
        )
        for path in files
    }  # fmt: skip


def drawings(collection: Collection) -> int:
    return collection.info().drawings


@pytest.fixture
def more(index: Path) -> Iterator[Collection]:
    """A writer that has committed the other drawings; it must be closed by the test."""
    collection = Collection.open(index, write=True)
    collection.add_embeddings(RECORDS[40:], EMBEDDINGS[40:])
    yield collection
    collection.close()


def test_readers_of_several_processes_leave_a_folder_at_rest_as_it_was(index: Path) -> None:
    before = listing(index)
    assert seal.SEAL in before
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from edgepatent_runtime.collection import Collection, check\n"
        "with Collection.open(sys.argv[1]) as collection:\n"
        "    print(collection.info().drawings, flush=True)\n"
        "    sys.stdin.read()\n"
        "    print(collection.info().drawings)\n"
        "assert check.verify(Path(sys.argv[1])) == []\n"
    )
    readers = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(index)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for _ in range(2)
    ]  # fmt: skip
    for reader in readers:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "40\n"
    # A writer comes and goes while they stay; what they then read is what it has left.
    with Collection.open(index, write=True) as collection:
        collection.add_embeddings(RECORDS[40:], EMBEDDINGS[40:])
    after = listing(index)
    for reader in readers:
        assert reader.communicate("")[0] == "60\n"
        assert reader.returncode == 0
    assert listing(index) == after
    assert not LOGS & set(after)


def test_a_question_under_way_keeps_its_state_and_the_writer_waits(
    index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = threading.Event()
    sleep = time.sleep

    def told(seconds: float) -> None:
        waiting.set()
        sleep(seconds)

    monkeypatch.setattr(writer.time, "sleep", told)
    with Collection.open(index) as reader:
        with reader.reading() as (known, _):
            file = (index / NAME).read_bytes()
            collection = Collection.open(index, write=True)
            collection.add_embeddings(RECORDS[40:], EMBEDDINGS[40:])
            closing = threading.Thread(target=collection.close)
            closing.start()
            assert waiting.wait(60)
            with Collection.open(index) as late:
                assert drawings(late) == 60
            assert known.counts()[0] == 40
            assert (index / NAME).read_bytes() == file
            assert closing.is_alive()
        closing.join(60)
        assert not closing.is_alive()
        assert drawings(reader) == 60
    assert check.verify(index) == []
    with Collection.open(index, write=True):
        pass
    assert not LOGS & set(listing(index))


def test_a_question_that_does_not_end_holds_up_nobody(
    index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "PATIENCE", 0.0)
    with Collection.open(index) as reader, reader.reading() as (known, _):
        file = (index / NAME).read_bytes()
        for last in (50, 60):
            with Collection.open(index, write=True) as collection:
                collection.add_embeddings(RECORDS[40:last], EMBEDDINGS[40:last])
            with Collection.open(index) as late:
                assert drawings(late) == last
        assert (index / NAME).read_bytes() == file
        assert known.counts()[0] == 40
    Collection.open(index, write=True).close()
    assert not LOGS & set(listing(index))
    with Collection.open(index) as reader:
        assert drawings(reader) == 60
    assert check.verify(index) == []


def test_the_log_of_a_killed_writer_is_read_and_the_next_one_moves_it(
    index: Path, more: Collection, tmp_path: Path
) -> None:
    # As a kill leaves it: committed, not closed.
    left = shutil.copytree(index, tmp_path / "left")
    assert (left / f"{NAME}-wal").stat().st_size
    assert not (left / seal.SEAL).exists()
    with Collection.open(left) as reader:
        assert drawings(reader) == 60
    assert check.verify(left) == []
    Collection.open(left, write=True).close()
    at_rest = listing(left)
    assert not LOGS & set(at_rest)
    assert seal.SEAL in at_rest
    with Collection.open(left) as reader:
        assert drawings(reader) == 60
    assert listing(left) == at_rest


def test_a_seal_beside_a_log_is_not_believed(index: Path, more: Collection, tmp_path: Path) -> None:
    # A copy that was begun before a writer came, and ended after it.
    left = shutil.copytree(index, tmp_path / "left")
    (left / seal.SEAL).write_bytes(b"1 0 0\n")
    with Collection.open(left) as reader:
        assert drawings(reader) == 60


def test_a_writer_after_a_killed_one_waits_for_questions_that_are_older_than_both(
    index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Collection.open(index) as reader, reader.reading() as (known, _):
        file = (index / NAME).read_bytes()
        # The first one was killed when it had taken the seal away.
        seal.lift(index / NAME)
        monkeypatch.setattr(writer, "PATIENCE", 0.0)
        with Collection.open(index, write=True) as collection:
            collection.add_embeddings(RECORDS[40:], EMBEDDINGS[40:])
        assert (index / NAME).read_bytes() == file
        assert known.counts()[0] == 40
    with Collection.open(index) as reader:
        assert drawings(reader) == 60
    Collection.open(index, write=True).close()
    assert not LOGS & set(listing(index))
    assert not (index / seal.LIFTED).exists()
    assert check.verify(index) == []


def test_one_connection_hears_of_every_writer(index: Path) -> None:
    with Collection.open(index) as reader:
        for count in (45, 50, 55):
            with Collection.open(index, write=True) as collection:
                collection.add_embeddings(RECORDS[count - 5 : count], EMBEDDINGS[count - 5 : count])
                assert drawings(reader) == count
            assert drawings(reader) == count


def compacted(folder: Path) -> None:
    with Collection.open(folder, write=True) as collection:
        collection.compact()


def remodelled(folder: Path) -> None:
    # The same model again, in another folder.
    with Collection.open(folder, write=True) as collection:
        collection.writer.replace_bundle(collection.bundle)


class Listing(list[os.DirEntry[str]]):
    """What `os.scandir` found, all at once."""

    def __enter__(self) -> Iterator[os.DirEntry[str]]:
        return iter(self)

    def __exit__(self, *error: object) -> None:
        pass


@pytest.mark.parametrize("change", [compacted, remodelled])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_reader_opens_while_a_writer_removes_what_it_has_just_listed(
    index: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], None], number: int
) -> None:
    # It lists the folder for models, the folder, and the model: after which the writer comes.
    scandir = os.scandir
    listed: list[object] = []
    removed: set[Path] = set()

    def listing_then_change(folder: Path) -> Listing:
        with scandir(folder) as entries:
            found = Listing(entries)
        listed.append(folder)
        if len(listed) == number:
            with monkeypatch.context() as patch:
                patch.setattr(os, "scandir", scandir)
                before = set(index.iterdir())
                change(index)
                removed.update(before - set(index.iterdir()))
        return found

    monkeypatch.setattr(os, "scandir", listing_then_change)
    with Collection.open(index) as reader:
        monkeypatch.setattr(os, "scandir", scandir)
        assert drawings(reader) == 40
    assert len(listed) >= number
    assert removed


@pytest.mark.parametrize("change", [compacted, remodelled])
def test_what_is_removed_while_it_is_weighed_has_no_weight(
    index: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], None]
) -> None:
    walk = os.walk

    def walk_then_change(folder: Path) -> Iterator[object]:
        found = list(walk(folder))
        change(index)
        return iter(found)

    before = names.size(index)
    assert before == sum(len(content) for _, _, content in listing(index).values())
    monkeypatch.setattr(os, "walk", walk_then_change)
    assert 0 < names.size(index) < before
