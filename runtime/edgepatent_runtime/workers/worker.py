"""A worker as the process sees it that it serves."""

import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from edgepatent_runtime.errors import EdgepatentError
from edgepatent_runtime.workers import child
from edgepatent_runtime.workers.child import Answer, Call, Limits

# Started by hand: `multiprocessing` would import the caller's __main__ again, which fails for a
# script without a guard, for standard input and in a notebook.
_START = """\
import pickle, sys
sys.path[:] = pickle.load(sys.stdin.buffer)
from edgepatent_runtime.workers import child
child.main(*pickle.load(sys.stdin.buffer))
"""
# One thread a worker. Left alone, OpenBLAS starts a thread a core in every one, and they wait for
# each other in busy loops (fourteen times the CPU time over 6,000 icons on two cores).
_THREADS = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
_LIMITS = Limits()
_NO_START = (
    "a process that reads drawings cannot be started ({}): close other programs and try again"
)


class WorkerError(Exception):
    """A worker ended in the middle of a call.

    ``reason`` and ``detail`` say why, as in `DrawingError`; ``again`` says whether a fresh worker
    may have more luck, as after a kill from outside.
    """

    def __init__(self, reason: str, detail: str, again: bool) -> None:
        super().__init__(reason)
        self.reason, self.detail, self.again = reason, detail, again


class Worker:
    """A process that carries out calls, one after the other, and ends with this one.

    Not safe to share between threads. Raises `EdgepatentError` where none can be started.
    """

    def __init__(self, limits: Limits = _LIMITS) -> None:
        self._limits = limits
        self._owed = 0
        try:
            self._process = _starter().submit(_start).result()
        except OSError as error:
            raise EdgepatentError(_NO_START.format(error)) from error
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._calls, self._answers = self._process.stdin, self._process.stdout
        try:
            self._calls.write(pickle.dumps(sys.path) + pickle.dumps((os.getpid(), limits)))
            self._calls.flush()
            ready = child.receive(self._answers) is not None
        except OSError:
            ready = False
        if not ready:
            self.close()
            raise EdgepatentError(_NO_START.format(f"exit status {self._process.returncode}"))

    def answers(self, function: Callable[..., Any], arguments: Sequence[Any]) -> Iterator[Any]:
        """What ``function``, of a module that can be imported, returns for each of ``arguments``.

        Raises `WorkerError` where the call kills the worker, and whatever the function raises.
        """
        request = pickle.dumps(Call(function, list(arguments), _folder()))
        self._owed = len(arguments)
        try:
            child.send(self._calls, request)
        except OSError as error:
            raise self._obituary() from error
        for _ in arguments:
            data = child.receive(self._answers)
            if data is None:
                raise self._obituary()
            self._owed -= 1
            answer: Answer = pickle.loads(data)
            if answer.error is not None:
                raise answer.error
            yield answer.value

    @property
    def free(self) -> bool:
        """Whether the process runs and has nothing to do."""
        return not self._owed and self._process.poll() is None

    def kill(self) -> None:
        """End the process at once, whatever it does; from any thread."""
        with suppress(OSError):
            self._process.kill()

    def close(self) -> None:
        """End the process and let go of all that belongs to it."""
        self.kill()
        self._process.wait()
        for pipe in (self._calls, self._answers):
            # What was not sent is not wanted any more.
            with suppress(OSError):
                pipe.close()

    def _obituary(self) -> WorkerError:
        status = self._process.wait()
        if status == child.OUT_OF_MEMORY:
            return WorkerError("needs too much memory to read", "", again=True)
        if sys.platform != "win32" and status == -signal.SIGXCPU:
            seconds = f"more than {self._limits.seconds} seconds"
            return WorkerError("takes too long to read", seconds, again=False)
        if status == -getattr(signal, "SIGKILL", 9):
            return WorkerError(
                "needs too much memory to read", "its process was killed", again=True
            )
        name = signal.Signals(-status).name if status < 0 else f"exit status {status}"
        return WorkerError("crashes the program that reads it", name, again=True)


def _folder() -> str | None:
    try:
        return str(Path.cwd())
    except OSError:
        return None


def _start() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        # Without -P, modules in the current folder would be imported.
        [sys.executable, "-P", "-c", _START],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        # libtiff writes there of every odd tag.
        stderr=subprocess.DEVNULL,
        env=os.environ | _THREADS,
        # Away from the terminal: its Ctrl-C and its end are for the process that is served.
        start_new_session=True,
    )


# By process: after a fork nothing of the parent's is used.
_starters: dict[int, ThreadPoolExecutor] = {}


def _starter() -> ThreadPoolExecutor:
    """The thread that starts workers: to Linux, the end of the thread is the parent's end."""
    return _starters.setdefault(os.getpid(), ThreadPoolExecutor(1, "edgepatent-workers"))
