"""Nothing leaves the machine: index, search and doctor with every socket refused and watched."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from stored import draw_patents

# Refuses what Python code does with a socket, and says what it was.
GUARDED = """
import sys
REFUSED = ("socket.connect", "socket.bind", "socket.getaddrinfo", "socket.gethostbyname",
           "socket.gethostbyaddr", "socket.sendto", "socket.sendmsg", "urllib.Request")
def refuse(event, arguments):
    if event in REFUSED:
        print("NETWORK", event, arguments, file=sys.stderr)
        raise PermissionError(f"network refused: {event}")
sys.addaudithook(refuse)
from edgepatent.cli import run
sys.exit(run(sys.argv[1:]))
"""


class Machine:
    """A home of its own with a few drawings, a model, an index; commands run in it."""

    def __init__(self, folder: Path, bundle: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.home.mkdir()
        draw_patents(folder / "drawings", 4)
        shutil.copytree(bundle, folder / "model")
        shutil.move(folder / "drawings" / "P0000" / "view0.png", folder / "query.png")
        self.index = folder / "index"

    @property
    def commands(self) -> list[list[str]]:
        index = ["--index", str(self.index)]
        model = ["--model", str(self.folder / "model")]
        query = str(self.folder / "query.png")
        return [
            ["index", "add", str(self.folder / "drawings"), *index, *model],
            ["search", query, *index, "--json", "--anyway"],
            ["doctor", *index, *model, "--json"],
        ]

    def run(self, *prefix: str, command: list[str]) -> subprocess.CompletedProcess[str]:
        environment = {
            "HOME": str(self.home),
            "TMPDIR": str(self.home),
            "PATH": os.environ["PATH"],
            "PYTHONDONTWRITEBYTECODE": "1",
            "OMP_NUM_THREADS": "1",
        }
        return subprocess.run(
            [*prefix, sys.executable, "-c", GUARDED, *command],
            cwd=self.home,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def machine(tmp_path, tiny_bundle):
    return Machine(tmp_path, tiny_bundle.folder)


def tree(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file below ``folder`` with its size and time of change."""
    return {
        str(p.relative_to(folder)): (p.stat().st_size, p.stat().st_mtime_ns)
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


# What onnxruntime makes of a model is kept here for the next process, as SECURITY.md says; nothing
# that was asked or found, and nothing else outside the index.
PREPARED = "home/.cache/edgepatent/prepared/"


def test_no_socket_is_opened_and_only_the_index_and_what_is_made_of_the_model_written(machine):
    for command in machine.commands:
        before = tree(machine.folder)
        done = machine.run(command=command)
        assert done.returncode == 0, done.stderr
        assert "NETWORK" not in done.stderr
        changed = {p for p, what in tree(machine.folder).items() if before.get(p) != what}
        assert all(path.startswith(("index/", PREPARED)) for path in changed), changed
        if command[0] != "index":
            assert all(path.startswith(PREPARED) for path in changed), changed
    before = tree(machine.folder)
    assert json.loads(machine.run(command=machine.commands[1]).stdout)["hits"]
    assert tree(machine.folder) == before


def test_the_guard_would_notice(machine):
    """The test above can fail: the guard sees a name being resolved."""
    code = GUARDED.replace("from edgepatent.cli import run", "import socket").replace(
        "sys.exit(run(sys.argv[1:]))", "socket.getaddrinfo('localhost', 80)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "NETWORK socket.getaddrinfo" in done.stderr


def test_the_kernel_sees_no_network_call_either(machine):
    """C++ libraries need no Python socket to phone home: onnxruntime's telemetry did not."""
    strace = shutil.which("strace")
    if (
        strace is None
        or subprocess.run([strace, "true"], capture_output=True, check=False).returncode
    ):
        pytest.skip("strace is not installed, or may not trace here")
    for command in machine.commands:
        log = machine.folder / "trace"
        calls = "trace=network,openat,creat,mkdir,mkdirat,rename,renameat,renameat2,unlink,unlinkat"
        done = machine.run(strace, "-f", "-qq", "-o", str(log), "-e", calls, command=command)
        assert done.returncode == 0, done.stderr
        lines = log.read_text(errors="replace").splitlines()
        assert any("openat" in line for line in lines)
        network = [line for line in lines if re.search(r"AF_INET6?|AF_NETLINK|sin_port", line)]
        assert not network, network[:3]
        written = {
            match[1]
            for line in lines
            if (match := re.search(r'openat\([^"]*"([^"]+)", [^)]*O_(?:WRONLY|RDWR|CREAT)', line))
            and "= -1" not in line
        }
        inside = (str(machine.index), str(machine.folder / PREPARED), "/dev/", "/proc/")
        outside = {path for path in written if not path.startswith(inside)}
        assert not outside, outside


def test_everything_works_without_a_network(machine):
    """In a network namespace without even a loopback device that is up."""
    unshare = shutil.which("unshare")
    if (
        unshare is None
        or subprocess.run([unshare, "-rn", "true"], capture_output=True, check=False).returncode
    ):
        pytest.skip("empty network namespaces are not allowed here (unshare -rn)")
    for command in machine.commands:
        done = machine.run(unshare, "-rn", command=command)
        assert done.returncode == 0, done.stderr


def test_telemetry_cannot_be_switched_on_by_the_environment(tmp_path):
    code = (
        "import os; os.environ['ORT_DISABLE_TELEMETRY'] = '0'; "
        "import edgepatent_runtime.encoder; print(os.environ['ORT_DISABLE_TELEMETRY'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1"
