"""Shards made by workers: byte for byte those of the plain verb, whatever dies meanwhile."""

import json
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import msgspec
import numpy as np
import psutil
import pytest
from bundles import tiny_model, with_floats, write_tiny_bundle
from commands import in_here, surroundings
from ray_faults import Faults, eventually
from stored import draw_patents

from edgepatent_cluster import embedding, engine
from edgepatent_cluster.storage import Place
from edgepatent_cluster.task import ON_CPU, Encoding, Made, Task, on_gpu
from edgepatent_cluster.worker import Worker
from edgepatent_runtime import shards
from edgepatent_runtime.bundle import FLOATS, INFO, Bundle, write_info
from edgepatent_runtime.collection import Collection
from edgepatent_runtime.encoder import CPU, CUDA
from edgepatent_runtime.errors import (
    BundleError,
    ClusterError,
    InputError,
    SourceError,
    SpaceMismatchError,
)
from edgepatent_runtime.filters import Filters
from edgepatent_runtime.shards import Shard
from edgepatent_runtime.sources import open_source

OF, PATENTS = 3, 12


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Drawings, and a file that is none."""
    folder = tmp_path_factory.mktemp("drawings")
    draw_patents(folder, PATENTS, 2)
    (folder / "P0000" / "broken.png").write_bytes(b"no picture")
    return folder


@pytest.fixture(scope="module")
def plain(folder: Path, tiny_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the plain verb makes."""
    out = tmp_path_factory.mktemp("plain") / "shards"
    for number in range(1, OF + 1):
        shards.embed([open_source(str(folder))], Shard(number, OF), out, tiny_bundle, threads=1)
    return out


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where workers of this process work."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def task(folder: Path, out: Path | str, bundle: Bundle) -> Task:
    model = {str(name): bundle.read(name) for name in bundle.files} | {INFO: bundle.description()}
    where = str(folder.parent)
    version = engine.our_version()
    return Task((folder.name,), where, OF, str(out), model, 1, version, ON_CPU)


def dump(catalog: Path) -> str:
    """All that a catalog says, but when it was said, and where it lay then."""
    with closing(sqlite3.connect(f"file:{catalog}?mode=ro&immutable=1", uri=True)) as opened:
        text = "\n".join(opened.iterdump())
    return re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ|'[./]+/drawings\d+'", "", text)


def assert_same(made: Path, plain: Path) -> None:
    """Byte for byte, but for the times in the catalog, and so its digest."""
    for shard in plain.iterdir():
        files = {str(p.relative_to(shard)) for p in shard.rglob("*")}
        there = made / shard.name
        assert {str(p.relative_to(there)) for p in there.rglob("*")} == files
        for name in files - {"catalog.sqlite", "catalog.sha256"}:
            path = shard / name
            assert path.is_dir() or path.read_bytes() == (there / name).read_bytes(), name
        assert dump(there / "catalog.sqlite") == dump(shard / "catalog.sqlite")
    assert {p.name for p in made.iterdir()} == {p.name for p in plain.iterdir()}


def test_a_worker_makes_what_the_plain_verb_makes(
    folder: Path, plain: Path, tiny_bundle: Bundle, scratch: Path
) -> None:
    worker = Worker(task(folder, scratch / "out", tiny_bundle))
    found = [worker.make(number) for number in range(OF, 0, -1)]
    assert sum(one.added.added for one in found) == PATENTS * 2
    assert [one.unusable.counts.total() for one in found].count(1) == 1
    worker.close()
    assert [path.name for path in scratch.iterdir()] == ["out"]
    assert_same(scratch / "out", plain)


def test_a_worker_puts_a_shard_where_no_folder_is(
    folder: Path, plain: Path, tiny_bundle: Bundle, scratch: Path
) -> None:
    out = f"memory:/{scratch}/out"
    worker = Worker(task(folder, out, tiny_bundle))
    for number in range(1, OF + 1):
        worker.make(number)
    worker.close()
    place = Place(out)
    for shard in place.shards():
        place.get(shard, scratch / "cache")
    assert_same(scratch / "cache", plain)


def both(folder: Path, seed: int = 0) -> Bundle:
    """A bundle in 8 bits, in name, with floats beside it: other ones, where ``seed`` is not 0."""
    bundle = with_floats(write_tiny_bundle(folder).folder)
    (folder / FLOATS).write_bytes(tiny_model(seed=seed))
    write_info(folder, bundle.info)
    return Bundle(folder)


def test_floats_beside_8_bits_are_what_a_gpu_would_run(
    folder: Path, plain: Path, scratch: Path
) -> None:
    """By the CPU in its place: the provider is what a worker is told, as onnxruntime names it."""
    told = task(folder, scratch / "out", both(scratch / "both"))
    worker = Worker(msgspec.structs.replace(told, encoding=Encoding(CPU, "fp32", 1.0)))
    assert sum(worker.make(number).added.added for number in range(1, OF + 1)) == PATENTS * 2
    worker.close()
    for shard in plain.iterdir():
        with (
            Collection.open(shard) as one,
            Collection.open(scratch / "out" / shard.name) as made,
            one.moment() as ours,
            made.moment() as theirs,
        ):
            rows = ours.scope(Filters()).rows()
            assert np.array_equal(ours.embeddings(rows), theirs.embeddings(rows))


def test_who_would_encode_otherwise_writes_no_row(folder: Path, scratch: Path) -> None:
    other = task(folder, scratch / "out", both(scratch / "both", seed=5))
    refused = {
        Encoding(CPU, "fp32"): "gives other embeddings here .* lowest cosine .* below 0.99",
        Encoding(CUDA, "fp32"): "has no CUDAExecutionProvider here, .* onnxruntime-gpu",
    }
    for encoding, words in refused.items():
        worker = Worker(msgspec.structs.replace(other, encoding=encoding))
        with pytest.raises((BundleError, InputError), match=f"^{socket.gethostname()}: .*{words}"):
            worker.make(1)
        assert not (scratch / "out").exists()
    # Its 8 bits are what they were.
    worker = Worker(other)
    assert worker.make(1).added.added
    worker.close()
    assert sorted(path.name for path in scratch.iterdir()) == ["both", "out"]


def test_what_a_dead_worker_left_is_cleared_away_and_what_a_living_one_has_stays(
    folder: Path, tiny_bundle: Bundle, scratch: Path
) -> None:
    dead = scratch / "edgepatent-shards-dead"
    (dead / "shards").mkdir(parents=True)
    first, second = (Worker(task(folder, scratch / "out", tiny_bundle)) for _ in range(2))
    first.make(1)
    second.make(2)
    assert not dead.exists()
    first.make(3)
    assert len(list(scratch.glob("edgepatent-shards-*"))) == 2
    for worker in (first, second):
        worker.close()


def test_a_machine_of_another_version_or_without_the_folder_says_so(
    folder: Path, tiny_bundle: Bundle, scratch: Path
) -> None:
    one = task(folder, scratch / "out", tiny_bundle)
    with pytest.raises(ClusterError, match=r"has edgepatent .*, not 0\.0\.1: install the same"):
        Worker(msgspec.structs.replace(one, version="0.0.1")).make(1)
    with pytest.raises(InputError, match=r"has no folder .*nowhere: sources must lie under"):
        Worker(msgspec.structs.replace(one, folder=str(scratch / "nowhere"))).make(1)


def test_what_cannot_come_to_good_is_refused_before_ray_is_asked(
    folder: Path, plain: Path, tiny_bundle: Bundle, tmp_path: Path
) -> None:
    def embed(source: Path, out: Path, of: int, bundle: Bundle = tiny_bundle) -> Made:
        return embedding.embed([str(source)], str(out), of, bundle, address="127.0.0.1:1")

    with pytest.raises(SourceError, match="does not exist"):
        embed(tmp_path / "nowhere", tmp_path, 2)
    with pytest.raises(InputError, match="holds shards of 3, not of 4"):
        embed(folder, plain, 4)
    with pytest.raises(SpaceMismatchError, match="made with another model"):
        embed(folder, plain, OF, write_tiny_bundle(tmp_path / "other", seed=5))
    with pytest.raises(InputError, match="is no number of shards"):
        embed(folder, plain, 0)
    bits = with_floats(write_tiny_bundle(tmp_path / "bits").folder, also={})
    with pytest.raises(BundleError, match=r"no fp32 model, which GPUs run: .* --both"):
        embedding.embed([str(folder)], str(plain), OF, bits, encoding=on_gpu())
    there = embed(folder, plain, OF)
    assert (there.done, there.were_there, there.added.added) == (OF, OF, 0)


def test_without_the_package_one_line_says_what_to_install(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["cluster", "embed", str(folder), "--shards", "2", "--out", str(tmp_path / "out")]
    monkeypatch.setitem(sys.modules, "ray", None)
    done = in_here(arguments, surroundings(tmp_path))
    assert done.returncode == 1
    assert done.stderr == ("edgepatent: this needs an extra: pip install 'edgepatent[ray]'\n")


def start(
    folder: Path, out: Path, bundle: Bundle, home: Path, faults: Faults, *more: str
) -> "subprocess.Popen[str]":
    """``edgepatent cluster embed``, running; of clusters it finds those on 127.0.0.1."""
    words = ["cluster", "embed", folder, "--model", bundle.folder, "--out", out, "--shards", OF]
    return subprocess.Popen(
        [sys.executable, "-m", "edgepatent", *map(str, words), "--json", *more],
        env={**surroundings(home), **faults.environment, **engine.ALONE},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def addresses(process: psutil.Process) -> set[str]:
    """The IP addresses that a process listens on or is connected with."""
    found = set()
    for one in process.net_connections("inet"):
        found |= {end.ip.removeprefix("::ffff:") for end in (one.laddr, one.raddr) if end}
    return found


def own_folders() -> list[Path]:
    """What a Ray of our own keeps while it runs."""
    return list(Path(tempfile.gettempdir()).glob("edgepatent-ray-*"))


@pytest.mark.timeout(600)
def test_one_machine_alone_with_a_worker_killed_and_nothing_leaves_it(
    folder: Path, plain: Path, tiny_bundle: Bundle, tmp_path: Path
) -> None:
    """A real Ray of our own. One test, for starting it is what takes long."""
    faults = Faults(tmp_path / "faults")
    faults.touch("kill")
    faults.touch("hold")
    before = set(own_folders())  # a driver that was killed leaves its own
    running = start(folder, tmp_path / "out", tiny_bundle, tmp_path, faults)
    try:
        eventually(lambda: faults.came() or running.poll() is not None)
        assert running.poll() is None, running.communicate()
        assert set(own_folders()) - before
        children = psutil.Process(running.pid).children(recursive=True)
        commands = {one.pid: " ".join(one.cmdline()) for one in children}
        assert any("raylet" in one for one in commands.values())
        for child in children:
            assert addresses(child) <= {"127.0.0.1", "::1"}, commands[child.pid]
            if "core/src/ray" in commands[child.pid]:
                # Ray's workers write their names over where this could be read.
                assert child.environ().items() >= engine.QUIET.items()
            if "dashboard/dashboard.py" in commands[child.pid]:
                # What is left of it sends reports of use, and is told not to.
                assert "--disable-frontend" in commands[child.pid]
                assert not [c for c in child.net_connections("inet") if c.status == "LISTEN"]
        faults.free()
        told, said = running.communicate()
    finally:
        running.kill()
        running.wait()
    assert running.returncode == 0, said
    assert told, said
    document = json.loads(told)
    assert (document["added"], document["failures"]) == (PATENTS * 2, 1)
    assert faults.killed
    assert_same(tmp_path / "out", plain)
    assert "Traceback" not in said
    _, alive = psutil.wait_procs(children, timeout=30)
    assert not alive, [commands[one.pid] for one in alive]
    assert not set(own_folders()) - before


@pytest.mark.cluster
@pytest.mark.timeout(900)
def test_two_machines_and_a_driver_that_is_killed(
    ray_cluster: "tuple[str, Faults]",
    folder: Path,
    plain: Path,
    tiny_bundle: Bundle,
    tmp_path: Path,
) -> None:
    address, faults = ray_cluster
    out = tmp_path / "out"
    for name in ("hold", "pass-1", "kill"):
        faults.touch(name)

    def made() -> list[Path]:
        return list(out.glob("shard-*"))

    with start(folder, out, tiny_bundle, tmp_path, faults, "--address", address) as running:
        eventually(lambda: made() or running.poll() is not None)
        assert running.poll() is None, running.communicate()
        running.send_signal(signal.SIGKILL)
    assert faults.killed
    before = {path.name: path.stat().st_ino for path in made()}
    assert len(before) == 1
    faults.free()
    with start(folder, out, tiny_bundle, tmp_path, faults, "--address", address) as running:
        told, said = running.communicate()
    assert running.returncode == 0, said
    document = json.loads(told)
    assert document["were_there"] == 1
    assert {path.name: path.stat().st_ino for path in made()}.items() >= before.items()
    assert_same(out, plain)


_BY_PARTS_OF_A_GPU = """
import json, sys
from edgepatent_cluster.embedding import embed
from edgepatent_cluster.task import Encoding
from edgepatent_runtime.bundle import Bundle
from edgepatent_runtime.encoder import CPU
source, out, model, of, address = sys.argv[1:]
made = embed([source], out, int(of), Bundle(model), address=address,
             encoding=Encoding(CPU, "fp32", 0.5))
print(json.dumps([made.done, made.added.added, made.failures]))
"""


@pytest.mark.cluster
@pytest.mark.timeout(900)
def test_workers_take_parts_of_a_gpu_and_refuse_to_do_without(
    ray_cluster: "tuple[str, Faults]", folder: Path, plain: Path, tmp_path: Path
) -> None:
    """On a cluster whose second node has a GPU in name: Ray counts it, the CPU computes."""
    address, faults = ray_cluster
    bundle = both(tmp_path / "both")
    words = [str(folder), str(tmp_path / "out"), str(bundle.folder), str(OF), address]
    done = subprocess.run(
        [sys.executable, "-c", _BY_PARTS_OF_A_GPU, *words],
        env={**surroundings(tmp_path), **engine.ALONE},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [OF, PATENTS * 2, 0]
    refusals = {
        ("--gpus-per-worker", "0.5"): "has no CUDAExecutionProvider here",
        (
            "--gpus-per-worker",
            "2",
        ): "room for a worker of 1 cores and 2 GPUs (the most are 1 and 1): lower",
    }
    for more, reason in refusals.items():
        given = ("--address", address, "--device", "cuda", *more)
        with start(folder, tmp_path / "none", bundle, tmp_path, faults, *given) as running:
            said = running.communicate()[1]
        assert running.returncode == 1
        assert reason in said
        assert len(said.splitlines()) == 1
    assert not list((tmp_path / "none").glob("shard-*"))


@pytest.mark.cluster
def test_a_cluster_that_is_not_there_is_named(
    folder: Path, tiny_bundle: Bundle, tmp_path: Path
) -> None:
    faults = Faults(tmp_path / "faults")
    nowhere = ("--address", "ray://127.0.0.1:1")
    with start(folder, tmp_path / "out", tiny_bundle, tmp_path, faults, *nowhere) as running:
        said = running.communicate()[1]
    assert running.returncode == 1
    assert "there is no Ray cluster at ray://127.0.0.1:1" in said
    assert len(said.splitlines()) == 1
