"""A sharded index on a real Ray Serve of two nodes: the same answers, whoever dies."""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
from bundles import write_tiny_bundle
from commands import in_here, in_process, surroundings
from questions import QUESTIONS, answered, bare
from ray_faults import Faults, eventually
from verbs import Desk, asked, page, shown

from edgepatent.web.presenting import present
from edgepatent_cluster import calls, engine, remote
from edgepatent_runtime import Index, shards

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

OF = 2


@dataclass
class Served:
    """A running ``edgepatent cluster serve``."""

    process: "subprocess.Popen[str]"
    address: str

    def post(self, path: str, body: bytes, **headers: str) -> tuple[int, dict[str, object]]:
        """The status and the JSON that a POST is answered with."""
        where = urlsplit(self.address)
        assert where.hostname is not None
        connection = http.client.HTTPConnection(where.hostname, where.port, timeout=120)
        connection.request("POST", f"{where.path}/{path}", body, headers)
        response = connection.getresponse()
        told = json.loads(response.read())
        connection.close()
        return response.status, told


@pytest.fixture(scope="module")
def served(whole: Path, ray_cluster: tuple[str, Faults], home: Path) -> Iterator[Served]:
    parts = whole.with_name("shards")
    shards.split(whole, parts, OF)
    with serving(parts, home, "--replicas", "2", "--address", ray_cluster[0]) as running:
        yield running


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@contextmanager
def serving(parts: Path, home: Path, *more: str, port: int | None = None) -> Iterator[Served]:
    """The real command, until the block ends; it must end by Ctrl-C."""
    words = ["cluster", "serve", "--index", str(parts), "--port", str(port or _free_port()), *more]
    with (home / "stderr").open("w") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "edgepatent", *words],
            env={**surroundings(home), **engine.ALONE},
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
    assert process.stdout is not None
    try:
        address = process.stdout.readline().strip()
        assert address.startswith("ray://127.0.0.1:"), (home / "stderr").read_text()
        yield Served(process, address)
        process.send_signal(signal.SIGINT)
        assert process.wait(120) == 0, (home / "stderr").read_text()
        assert (home / "stderr").read_text() == ""
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def replicas(name: str = "ServeReplica:index:shard-") -> list[psutil.Process]:
    """Who holds a shard, or is called ``name``, of all processes that are ours."""
    found = []
    for one in psutil.Process(os.getpid()).children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if name in " ".join(one.cmdline()):
                found.append(one)
    return found


def test_the_same_questions_get_the_same_json(served: Served, whole: Path, drawings: Path) -> None:
    with Index.open(whole) as one, Index.open(served.address) as many:
        for question in QUESTIONS:
            assert answered(many, question, drawings) == answered(one, question, drawings)


def test_the_command_searches_an_address(
    served: Served, whole: Path, drawings: Path, home: Path
) -> None:
    query = str(drawings / "P0004" / "view1.png")
    told = []
    for index in (str(whole), served.address):
        words = ["search", query, "--anyway", "--json", "--index", index]
        done = in_here(words, surroundings(home))
        assert done.returncode == 0, done.stderr
        told.append(bare(json.loads(done.stdout)))
    assert told[0] == told[1]


def test_http_answers_with_the_json_of_the_page(
    served: Served, whole: Path, drawings: Path
) -> None:
    image = (drawings / "P0004" / "view1.png").read_bytes()
    asked = [("anyway", "1"), ("top", "5"), ("not_patents", "P0001")]
    status, told = served.post("search?anyway=1&top=5&not_patents=P0001", image)
    with Index.open(whole) as index:
        expected = json.loads(present(index, asked, image)[1])
    assert (status, bare(told)) == (200, bare(expected))
    assert served.post("search?nonsense=1", image)[0] == 422
    assert served.post("search", b"no picture")[0] == 422
    assert served.post("search?top=x", image)[0] == 422
    assert served.post("search", image, origin="http://elsewhere")[0] == 403
    assert served.post("other", image)[0] == 404


def test_verbs_and_page_say_the_same(
    served: Served, whole: Path, drawings: Path, tmp_path: Path
) -> None:
    told = [
        asked(Desk(address, tmp_path / name), drawings)
        for name, address in (("one", str(whole)), ("many", served.address))
    ]
    told += [
        shown(address, tmp_path / f"{name}-page", drawings)
        for name, address in (("one", str(whole)), ("many", served.address))
    ]
    for one, many in (told[:2], told[2:]):
        # How sure classes are, the largest shard has measured of itself.
        assert one.pop("classify").keys() == many.pop("classify").keys()
        assert one.keys() == many.keys()
        for verb, wanted in one.items():
            assert many[verb] == wanted, verb


def test_another_version_is_refused_in_a_line(
    served: Served, home: Path, drawings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "PROTOCOL", calls.PROTOCOL + 1)
    query = str(drawings / "P0004" / "view1.png")
    done = in_here(["search", query, "--index", served.address], surroundings(home))
    assert (done.returncode, done.stdout) == (1, "")
    assert "install the same edgepatent on both sides" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_shards_of_two_models_are_refused_before_the_address_is_said(
    served: Served, ray_cluster: tuple[str, Faults], whole: Path, home: Path, tmp_path: Path
) -> None:
    shutil.copytree(whole.with_name("shards"), tmp_path / "shards")
    second = tmp_path / "shards" / shards.Shard(2, OF).name
    shutil.rmtree(second)
    Index.create(second, write_tiny_bundle(tmp_path / "bundle", seed=5)).close()
    words = ["cluster", "serve", "--index", str(tmp_path / "shards"), "--name", "mixed"]
    where = ["--port", str(urlsplit(served.address).port), "--address", ray_cluster[0]]
    done = in_process([*words, *where], {**surroundings(home), **engine.ALONE})
    assert (done.returncode, done.stdout) == (1, "")
    assert "shard 2 of 2 is of another model" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_another_port_than_that_of_who_served_first_is_refused(
    served: Served, ray_cluster: tuple[str, Faults], whole: Path, home: Path
) -> None:
    """All that a cluster serves is at one address, that of who was first."""
    first, other = urlsplit(served.address).port, _free_port()
    words = ["cluster", "serve", "--index", str(whole.with_name("shards")), "--name", "second"]
    words += ["--address", ray_cluster[0]]
    for where in (["--port", str(other)], ["--port", str(first), "--host", "127.0.0.2"]):
        with subprocess.Popen(
            [sys.executable, "-m", "edgepatent", *words, *where],
            env={**surroundings(home), **engine.ALONE},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            told = process.stdout.readline()
            process.terminate()  # where it serves all the same
            (line,) = process.stderr.read().splitlines() or [""]
            assert (told, process.wait(120)) == ("", 1)
        assert f"--host 127.0.0.1 --port {first}" in line


def test_a_port_that_somebody_else_has_is_refused_in_a_line(whole: Path, home: Path) -> None:
    parts = whole.with_name("parts")
    shards.split(whole, parts, OF)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        words = ["cluster", "serve", "--index", str(parts), "--port", str(port)]
        done = in_process(words, {**surroundings(home), **engine.ALONE})
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.endswith(f"cannot be served (Failed to bind to address '127.0.0.1:{port}'.)")


def test_a_page_outlives_the_front(
    served: Served, ray_cluster: tuple[str, Faults], whole: Path, drawings: Path, home: Path
) -> None:
    options = ("--name", "second", "--address", ray_cluster[0])
    port = urlsplit(served.address).port
    with ExitStack() as stack:
        front = ExitStack()
        parts = whole.with_name("shards")
        second = front.enter_context(serving(parts, home, *options, port=port))
        client = stack.enter_context(page(second.address, home / "matters"))
        image = client.post("/api/images", content=(drawings / "P0003/view1.png").read_bytes())
        searched = f"/api/search?image={image.json()['id']}"
        before = client.get(searched)
        assert before.status_code == 200
        for victim in replicas("ServeReplica:second:Front"):
            victim.kill()

        def answers() -> bool:
            answer = client.get(searched)
            if answer.status_code == 200:
                return bool(bare(answer.json()) == bare(before.json()))
            assert answer.status_code == 503, answer.text
            assert "\n" not in answer.json()["error"]
            return False

        # Killed, it is started again by Ray; ended, by who keeps it.
        eventually(answers)
        front.close()
        gone = client.get(searched)
        assert gone.status_code in (409, 503)
        assert "see that edgepatent cluster serve runs" in gone.json()["error"]
        stack.enter_context(serving(parts, home, *options, port=port))
        eventually(answers)


def test_replicas_die_and_every_question_is_answered(
    served: Served, whole: Path, drawings: Path
) -> None:
    with Index.open(whole) as one, Index.open(served.address) as many:
        expected = answered(one, "several views", drawings)
        holding = replicas()
        assert len(holding) >= 2 * OF
        # One at once, then all that hold shards, in the middle of questions.
        for victims in (holding[:1], replicas()):
            for victim in victims:
                with suppress(psutil.NoSuchProcess):
                    victim.kill()
            for _ in range(3):
                assert answered(many, "several views", drawings) == expected
