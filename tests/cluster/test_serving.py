"""A sharded index on a real Ray Serve of two nodes: the same answers, whoever dies."""

import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
from commands import in_here, surroundings
from questions import QUESTIONS, answered, bare
from ray_faults import Faults

from edgepatent.web.presenting import present
from edgepatent_cluster import engine
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
def serving(parts: Path, home: Path, *more: str) -> Iterator[Served]:
    """The real command, until the block ends; it must end by Ctrl-C."""
    words = ["cluster", "serve", "--index", str(parts), "--port", str(_free_port()), *more]
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
    import socket

    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def replicas() -> list[psutil.Process]:
    """Who holds a shard, of all processes that are ours."""
    found = []
    for one in psutil.Process(os.getpid()).children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if "ServeReplica:index:shard-" in " ".join(one.cmdline()):
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
