"""Calls in other processes: limits, deaths, order, and that nothing outlives its parent."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import misbehaviour
import psutil
import pytest
from misbehaviour import twice

from edgepatent_runtime.errors import EdgepatentError
from edgepatent_runtime.workers import pool, worker
from edgepatent_runtime.workers.child import Limits
from edgepatent_runtime.workers.pool import CHUNK, call, each
from edgepatent_runtime.workers.worker import Worker, WorkerError


def workers() -> list[psutil.Process]:
    """The workers of this process."""
    return [p for p in psutil.Process().children() if "edgepatent_runtime.workers" in "".join(
        p.cmdline())]  # fmt: skip


@pytest.fixture
def short_lived() -> Iterator[Worker]:
    """A worker with little memory and one second."""
    one = Worker(Limits(memory=300 << 20, seconds=1))
    yield one
    one.close()


def test_a_call_is_carried_out_elsewhere() -> None:
    assert call(twice, 21) == 42
    number, its_session, threads = call(misbehaviour.session, None)
    assert number != os.getpid()
    # Ctrl-C at the terminal does not reach it, nor does it keep the terminal.
    assert its_session == number
    assert threads == "1"


def test_one_worker_waits_for_the_next_call() -> None:
    first = call(misbehaviour.session, None)
    assert call(misbehaviour.session, None) == first
    assert len(list(each(twice, range(300), 3))) == 300
    assert len(workers()) == 1


def test_a_worker_follows_to_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Relative paths mean what they mean here, also where the worker is older than the folder."""
    assert call(twice, 1) == 2
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    assert call(os.path.abspath, "x") == str(tmp_path / "gone" / "x")
    (tmp_path / "gone").rmdir()
    assert call(twice, 1) == 2


def test_errors_come_back() -> None:
    with pytest.raises(LookupError, match="no such encoding"):
        call(misbehaviour.fail, "no such encoding")
    with pytest.raises(RuntimeError, match="LocalError: strange"):
        call(misbehaviour.fail_strangely, None)
    assert call(twice, 1) == 2


def test_what_libraries_print_is_not_shown(capfd: pytest.CaptureFixture[str]) -> None:
    assert call(misbehaviour.chatter, "TIFFReadDirectory: warning\n") > 0
    assert call(twice, 1) == 2
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("count", [1, 3])
def test_results_come_in_order(count: int) -> None:
    numbers = range(10 * CHUNK + 3)
    assert list(each(twice, iter(numbers), count)) == [(n, 2 * n) for n in numbers]


def test_nothing_at_all() -> None:
    assert list(each(twice, [], 2)) == []


@pytest.mark.parametrize(
    ("number", "reason", "detail"),
    [
        (signal.SIGSEGV, "crashes the program that reads it", "SIGSEGV"),
        (signal.SIGABRT, "crashes the program that reads it", "SIGABRT"),
        (signal.SIGKILL, "needs too much memory to read", "its process was killed"),
    ],
)
def test_a_death_costs_the_one_call(number: int, reason: str, detail: str) -> None:
    deaths = (5, 40, 41, CHUNK * 3 - 1)
    arguments = [number if n in deaths else 0 for n in range(CHUNK * 3)]
    found = list(each(misbehaviour.die_of, arguments, 2))
    assert [argument for argument, _ in found] == arguments
    for position, (_, result) in enumerate(found):
        if position in deaths:
            assert isinstance(result, WorkerError)
            assert (result.reason, result.detail) == (reason, detail)
        else:
            assert result == 0
    with pytest.raises(WorkerError, match=reason):
        call(misbehaviour.die_of, number)


def test_a_death_from_outside_costs_nothing(tmp_path: Path) -> None:
    assert call(misbehaviour.die_once, tmp_path / "mark") == "survived"


def test_memory_is_limited(short_lived: Worker) -> None:
    assert list(short_lived.answers(misbehaviour.hold, [100 << 20])) == [100 << 20]
    with pytest.raises(WorkerError, match="needs too much memory"):
        list(short_lived.answers(misbehaviour.hold, [400 << 20]))


def test_time_is_limited(short_lived: Worker) -> None:
    assert list(short_lived.answers(twice, [1, 2])) == [2, 4]
    with pytest.raises(WorkerError, match="takes too long") as caught:
        list(short_lived.answers(misbehaviour.spin, [None]))
    assert not caught.value.again
    assert caught.value.detail == "more than 1 seconds"


def test_memory_is_watched_where_it_cannot_be_limited() -> None:
    """As on macOS: a thread looks at what the process has held."""
    script = (
        "import threading; from edgepatent_runtime.workers import child\n"
        # More than the one that forked it ever held, which counts as its own peak.
        "most = child.peak() + (50 << 20)\n"
        "threading.Thread(target=child.watch_memory, args=(most,), daemon=True).start()\n"
        "held = [bytes(most)]\n"
        "threading.Event().wait(60)\n"
    )
    # A real decoder touches what it asks for.
    script = script.replace("bytes(most)", "b'x' * most")
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 77


def test_a_worker_that_cannot_start_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "_START", "raise SystemExit(9)")
    with pytest.raises(EdgepatentError, match=r"cannot be started \(exit status 9\)"):
        Worker()
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(EdgepatentError, match=r"cannot be started \(.*No such file"):
        Worker()


def test_leaving_early_ends_the_workers() -> None:
    results = each(misbehaviour.die_of, iter(lambda: 0, None), 3)
    next(results)
    results.close()
    assert len(workers()) <= 1
    assert not [t for t in threading.enumerate() if t.name.startswith("edgepatent-reading")]


def test_leaving_does_not_wait_for_a_long_call() -> None:
    results = each(misbehaviour.spin_for_some, [0] * CHUNK + [1] * CHUNK, 2)
    assert next(results) == (0, None)
    results.close()
    assert len(workers()) <= 1


def test_a_fork_uses_workers_of_its_own() -> None:
    mine = call(misbehaviour.session, None)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(write, str(call(misbehaviour.session, None)[0]).encode())
        finally:
            pool._end()
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        theirs = int(pipe.read())
    os.waitpid(child, 0)
    assert theirs != mine[0]
    assert call(misbehaviour.session, None) == mine


# Whoever started the tests may have them ignore a signal (nohup, a job in the background).
PARENT = """\
import signal, sys
if {number} != signal.SIGKILL:
    signal.signal({number}, signal.SIG_DFL)
sys.path.insert(0, {tests!r})
from misbehaviour import spin_for_some
from edgepatent_runtime.workers.pool import CHUNK, each
import psutil
arguments = [0] * 4 * CHUNK + [{last}] * 1000 * CHUNK
for number, _ in enumerate(each(spin_for_some, arguments, 3)):
    if number == 4 * CHUNK - 1:
        print(*(p.pid for p in psutil.Process().children()), flush=True)
"""


@pytest.mark.parametrize("last", [0, 1])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_workers_end_with_their_parent(last: int, number: int) -> None:
    """However it ends, and also in the middle of a call that takes for ever."""
    script = PARENT.format(tests=str(Path(__file__).parents[1]), last=last, number=int(number))
    with subprocess.Popen(
        [sys.executable, "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdin is not None
        assert parent.stdout is not None
        parent.stdin.write(script)
        parent.stdin.close()
        its = [psutil.Process(int(word)) for word in parent.stdout.readline().split()]
        parent.send_signal(number)
        assert its
        assert parent.wait() == -number
    psutil.wait_procs(its)


@pytest.mark.parametrize("way", ["script", "-c", "stdin", "interactive"])
def test_no_guard_is_needed(tmp_path: Path, way: str) -> None:
    """A script without ``if __name__ == "__main__"``, as in the docs."""
    text = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parents[1])!r})\n"
        "print('begun')\n"
        "from misbehaviour import twice\n"
        "from edgepatent_runtime.workers.pool import each\n"
        "print(sum(result for _, result in each(twice, range(1000), 2)))\n"
    )
    path = tmp_path / "script.py"
    path.write_text(text)
    arguments = {"script": [path], "-c": ["-c", text], "stdin": ["-"], "interactive": ["-i"]}
    done = subprocess.run(
        [sys.executable, *map(str, arguments[way])],
        input=text if way in ("stdin", "interactive") else "",
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["begun", "999000"]
