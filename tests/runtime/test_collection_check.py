"""Damage of every kind, in every file: found, repaired or refused in words; disks that are full."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from bundles import write_tiny_bundle
from stored import draw_patents, records_of_designs, views_of_designs

from edgepatent_runtime.bundle import Bundle
from edgepatent_runtime.collection import Collection, check
from edgepatent_runtime.encoder import Encoder
from edgepatent_runtime.errors import CollectionError, EdgepatentError
from edgepatent_runtime.filters import Filters
from edgepatent_runtime.record import Skipped
from edgepatent_runtime.search import ranking
from edgepatent_runtime.sources import open_source

Answers = list[list[tuple[str, float]]]
Damage = Callable[[Path, float], None]


def answers(folder: Path, plan: str = "exact") -> Answers:
    """What five searches find."""
    found = []
    with Collection.open(folder, resident=True) as collection:
        for seed in range(5):
            query = views_of_designs(1, 1, 64, seed=seed)
            hits = ranking.search([collection], query, plan=plan, top=5).hits
            found.append([(hit.patent_id, round(hit.score, 3)) for hit in hits])
    return found


@pytest.fixture(scope="module")
def whole(tiny_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of real files with some removed rows, beside its drawings."""
    folder = tmp_path_factory.mktemp("whole")
    draw_patents(folder / "drawings", 12)
    source = open_source(str(folder / "drawings"))
    with Collection.create(folder / "index", tiny_bundle) as collection:
        collection.add(source.records(Skipped()), Encoder(tiny_bundle), root=source.root)
        collection.remove(Filters(patents=("P0005",)))
    return folder


@pytest.fixture
def index(whole: Path, tmp_path: Path) -> Path:
    """A copy to be damaged."""
    shutil.copytree(whole / "index", tmp_path / "index")
    return tmp_path / "index"


def flip(path: Path, at: float) -> None:
    data = bytearray(path.read_bytes())
    data[int(at * (len(data) - 1))] ^= 0x24
    path.write_bytes(data)


def cut(path: Path, at: float) -> None:
    os.truncate(path, int(at * path.stat().st_size))


def remove(path: Path, at: float) -> None:
    path.unlink()


EVERYWHERE = pytest.mark.parametrize("at", [0.0, 0.3, 0.55, 0.99])
EVERYHOW = pytest.mark.parametrize("damage", [flip, cut, remove])


def test_a_sound_collection_has_no_problems(index: Path) -> None:
    assert check.verify(index) == []
    assert check.repair(index) == check.Repaired([], [])


@EVERYWHERE
@EVERYHOW
def test_damaged_rows_are_encoded_again(
    index: Path, damage: Damage, at: float, tiny_bundle: Bundle
) -> None:
    sound = answers(index)
    damage(index / "vectors-000001.rows", at)
    problems = check.verify(index)
    assert {problem.part for problem in problems} <= {"vectors", "signs"}
    assert problems or (damage is flip and answers(index) == sound), "only what nobody reads"
    repaired = check.repair(index, Encoder(tiny_bundle))
    assert repaired.lost == []
    assert check.verify(index) == []
    assert answers(index) == answers(index, "scan") == sound


def test_a_damaged_row_is_never_reported(index: Path) -> None:
    with Collection.open(index) as collection:
        row = (
            ranking.search([collection], views_of_designs(1, 1, 64), top=1).hits[0].drawings[0].row
        )
    path = index / "vectors-000001.rows"
    data = bytearray(path.read_bytes())
    data[64 + row * 72 + 66] ^= 1
    path.write_bytes(data)
    with Collection.open(index) as collection:
        for plan in ("exact", "scan"):
            with pytest.raises(CollectionError, match=rf"row {row} .*--repair"):
                ranking.search([collection], views_of_designs(1, 1, 64), top=1, plan=plan)


def test_rows_that_nothing_can_restore_are_given_up_and_named(index: Path) -> None:
    cut(index / "vectors-000001.rows", 0.5)
    repaired = check.repair(index, None)
    assert repaired.lost
    assert set(repaired.lost) <= {f"P{number:04d}" for number in range(12)}
    assert check.verify(index) == []
    with Collection.open(index) as collection:
        assert collection.info().drawings == 33 - len(repaired.lost)


def test_images_that_have_changed_do_not_restore_a_row(
    whole: Path, tmp_path: Path, tiny_bundle: Bundle
) -> None:
    shutil.copytree(whole, tmp_path / "copy")
    drawings = tmp_path / "copy" / "drawings"
    source = open_source(str(drawings))
    index = tmp_path / "copy" / "index"
    with Collection.open(index, write=True) as collection:
        collection.add(source.records(Skipped()), Encoder(tiny_bundle), root=source.root)
    shutil.copy(drawings / "P0000" / "view1.png", drawings / "P0000" / "view0.png")
    remove(index / "vectors-000001.rows", 0)
    repaired = check.repair(index, Encoder(tiny_bundle))
    # Of the drawings indexed from the copy one has changed; the others' originals are there.
    assert set(repaired.lost) <= {"P0000"}
    assert check.verify(index) == []


@EVERYWHERE
@EVERYHOW
def test_damaged_signs_are_made_anew(index: Path, damage: Damage, at: float) -> None:
    sound = answers(index)
    damage(next(index.glob("signs-*")), at)
    problems = check.verify(index)
    assert [problem.part for problem in problems] == ["signs"]
    # Searches go on: by scan where the length is right, exactly where it is not.
    if damage is not flip:
        assert answers(index, "scan") == sound
    check.repair(index)
    assert check.verify(index) == []
    assert answers(index, "scan") == sound


@EVERYHOW
def test_damaged_thumbnails_are_drawn_again(index: Path, damage: Damage) -> None:
    sound = answers(index)
    damage(next(index.glob("thumbnails-*")), 0.4)
    assert answers(index) == sound
    assert [problem.part for problem in check.verify(index)] == ["thumbnails"]
    repaired = check.repair(index)
    assert "0 given up" in repaired.done[0]
    assert check.verify(index) == []


@EVERYHOW
@pytest.mark.parametrize("name", ["model.onnx", "bundle.json", "golden.npz"])
def test_a_damaged_model_needs_a_sound_copy(
    index: Path, damage: Damage, name: str, tiny_bundle: Bundle, tmp_path: Path
) -> None:
    damage(index / "bundle-000001" / name, 0.5)
    problems = check.verify(index)
    assert [problem.part for problem in problems] == ["model"]
    with pytest.raises(CollectionError, match="--model"):
        check.repair(index)
    other = write_tiny_bundle(tmp_path / "other", seed=4)
    with pytest.raises(EdgepatentError, match="is not the model"):
        check.repair(index, Encoder(other))
    check.repair(index, Encoder(tiny_bundle))
    assert check.verify(index) == []
    assert answers(index)


@EVERYHOW
@pytest.mark.parametrize("at", [0.0, 0.001, 0.2, 0.5, 0.8, 0.99])
def test_a_damaged_catalog_is_refused_in_words(index: Path, damage: Damage, at: float) -> None:
    sound = answers(index)
    damage(index / "catalog.sqlite", at)
    try:
        problems = check.verify(index)
        found = answers(index)
    except EdgepatentError:
        return
    assert problems or found == sound
    assert problems or damage is not flip
    if problems:
        with pytest.raises(CollectionError, match="catalog"):
            check.repair(index)


@pytest.fixture(scope="module")
def graphed(tiny_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("graphed") / "index"
    with Collection.create(folder, tiny_bundle) as collection:
        collection.add_embeddings(records_of_designs(5200, 4), views_of_designs(5200, 4, 64))
        collection.finish()
    return folder


@EVERYWHERE
@EVERYHOW
def test_hnswlib_never_gets_a_damaged_graph(
    graphed: Path, tmp_path: Path, damage: Damage, at: float
) -> None:
    index = tmp_path / "index"
    shutil.copytree(graphed, index)
    damage(next(index.glob("graph-*")), at)
    query = views_of_designs(1, 1, 64, seed=1)
    with Collection.open(index, resident=True) as collection:
        assert ranking.search([collection], query).plan == "scan"
    assert [problem.part for problem in check.verify(index)] == ["graph"]
    if at == 0.55:
        check.repair(index)
        assert check.verify(index) == []
        with Collection.open(index, resident=True) as collection:
            assert ranking.search([collection], query).plan == "graph"


WORK = """
import sys
from pathlib import Path
sys.path[:0] = [{tests!r}]
from stored import records_of_designs, views_of_designs
from edgepatent_runtime.collection import Collection, upkeep
from edgepatent_runtime.filters import Filters
from edgepatent_runtime.errors import EdgepatentError
import resource, sqlite3
upkeep.EXACT_ROWS, upkeep.GRAPH_LAG = 100, 0
limit = int(sys.argv[2])
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    collection = Collection.open(Path(sys.argv[1]), write=True)
    try:
        records, embeddings = records_of_designs(300, 2), views_of_designs(300, 2, 64)
        collection.add_embeddings(records[200:], embeddings[200:])
        collection.remove(Filters(locarno=("02", "03")))
        collection.compact()
        collection.finish()
    finally:
        collection.close()
except (EdgepatentError, OSError) as error:
    print(type(error).__name__, error)
    sys.exit(1)
"""


def work(index: Path, limit: int) -> subprocess.CompletedProcess[str]:
    """Add, remove, compact and build a graph in a process that may write so many bytes a file."""
    tests = str(Path(__file__).resolve().parent.parent)
    return subprocess.run(
        [sys.executable, "-c", WORK.format(tests=tests), str(index), str(limit)],
        capture_output=True,
        text=True,
        check=False,
    )


def require_sound(index: Path, least: int) -> None:
    """The collection opens, nothing is wrong with it, and what was committed before is there."""
    assert check.verify(index) == []
    with Collection.open(index) as collection:
        with collection.reading() as (known, taken):
            stored = known.stored(taken.live_rows().tolist())
            rows = taken.vectors.read(taken.live_rows()) @ taken.rotation
        embeddings = dict(
            zip(
                [str(record.image) for record in records_of_designs(300, 2)],
                views_of_designs(300, 2, 64),
                strict=True,
            )
        )
        expected = np.array([embeddings[entry.path] for _, entry in sorted(stored.items())])
        assert len(expected) >= least
        assert np.sum(expected * rows, axis=1).min(initial=1) > 0.999


@pytest.fixture
def begun(tiny_bundle: Bundle, tmp_path: Path) -> Path:
    with Collection.create(tmp_path / "index", tiny_bundle) as collection:
        collection.add_embeddings(
            records_of_designs(300, 2)[:200], views_of_designs(300, 2, 64)[:200]
        )
    return tmp_path / "index"


def test_a_full_disk_at_any_write_loses_nothing(begun: Path, tmp_path: Path) -> None:
    assert work(_copy(begun, tmp_path / "free"), 0).returncode == 0
    failed = 0
    # Limits between the sizes of the files that are written: each stops at another write.
    for number, limit in enumerate([1, 14_464, 30_000, 60_000, 90_000]):
        index = _copy(begun, tmp_path / str(number))
        done = work(index, limit)
        assert "Traceback" not in done.stderr, done.stderr
        failed += done.returncode != 0
        require_sound(index, 120)
        assert work(index, 0).returncode == 0
        require_sound(index, 120)
    assert failed >= 4


@pytest.mark.slow
def test_a_full_disk_at_every_page_loses_nothing(begun: Path, tmp_path: Path) -> None:
    failures = set()
    for limit in range(1, 420_000, 4_099):
        index = _copy(begun, tmp_path / "at")
        done = work(index, limit)
        assert "Traceback" not in done.stderr, done.stderr
        failures.add(done.stdout.replace(str(index), ""))
        require_sound(index, 120)
        shutil.rmtree(index)
    assert len(failures) >= 2


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """Mounts file systems of so many kilobytes, where that is allowed."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def mount(kilobytes: int) -> Path:
        subprocess.run(["umount", str(folder)], capture_output=True, check=False)
        command = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(folder)]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("mounting a small file system is not allowed here")
        return folder

    yield mount
    subprocess.run(["umount", str(folder)], capture_output=True, check=False)


@pytest.mark.slow
def test_a_small_disk_that_fills_up_loses_nothing(
    begun: Path, small_disk: Callable[[int], Path]
) -> None:
    size = sum(path.stat().st_size for path in begun.rglob("*") if path.is_file()) // 1024
    failed = 0
    for room in range(size + 60, size + 900, 12):
        index = _copy(begun, small_disk(room) / "index")
        done = work(index, 0)
        assert "Traceback" not in done.stderr, done.stderr
        failed += done.returncode != 0
        require_sound(index, 120)
    assert failed > 10


@pytest.mark.slow
def test_a_read_only_disk_can_be_searched(whole: Path, small_disk: Callable[[int], Path]) -> None:
    sound = answers(whole / "index")
    disk = small_disk(2000)
    index = _copy(whole / "index", disk / "index")
    before = sorted(path.name for path in index.rglob("*"))
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    try:
        assert check.verify(index) == []
        assert answers(index) == answers(index, "scan") == sound
        with pytest.raises(OSError, match="Read-only"):
            Collection.open(index, write=True)
    finally:
        subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
    assert sorted(path.name for path in index.rglob("*")) == before


def _copy(source: Path, target: Path) -> Path:
    shutil.copytree(source, target)
    return target
