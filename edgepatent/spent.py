"""One of our own commands in a process of its own: how long it took, and how much memory."""

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

PROC = Path("/proc")

# A peak that lasts shorter than this before the end may be missed.
_LOOK_EVERY_S = 0.02


class Spent(msgspec.Struct, frozen=True):
    """``seconds`` by the clock; ``megabytes`` is the peak of memory, 10⁶ bytes.

    By the kernel's account (VmHWM), summed over the process and those that it started, each at its
    own peak: at no moment was it more, and libraries that they share count for each. ``alone`` is
    that of the command itself. None where the kernel keeps no such account.
    """

    seconds: float
    megabytes: float | None
    alone: float | None


def spent(arguments: Sequence[str]) -> Spent:
    """Run ``edgepatent ARGUMENTS`` to its end. Raises `subprocess.CalledProcessError`."""
    command = [sys.executable, "-m", "edgepatent", *arguments]
    start = time.perf_counter()
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        peaks: dict[int, int] = {}
        while True:
            look(process.pid, peaks)
            with suppress(subprocess.TimeoutExpired):
                process.wait(_LOOK_EVERY_S)
                break
        seconds = time.perf_counter() - start
        assert process.stderr is not None
        told = process.stderr.read()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command, stderr=told)
    if process.pid not in peaks:
        return Spent(seconds, None, None)
    return Spent(seconds, sum(peaks.values()) / 1e6, peaks[process.pid] / 1e6)


def look(pid: int, peaks: dict[int, int]) -> None:
    """Note the peak, in bytes, of a process and of all that it started, by process."""
    for one in family(pid):
        with suppress(OSError, StopIteration, ValueError):
            lines = (PROC / str(one) / "status").read_text("ascii", "replace").splitlines()
            line = next(line for line in lines if line.startswith("VmHWM:"))
            peaks[one] = max(peaks.get(one, 0), int(line.split()[1]) * 1024)


def family(pid: int) -> Iterator[int]:
    """A process and all that it started, and that run by now.

    Until it runs its own program, a process that was started has the memory of the one that did,
    and the same command line: counted, that would be there twice.
    """
    yield pid
    with suppress(OSError):
        for task in (PROC / str(pid) / "task").iterdir():
            for child in (task / "children").read_text("ascii").split():
                if _command(int(child)) != _command(pid):
                    yield from family(int(child))


def _command(pid: int) -> bytes:
    return (PROC / str(pid) / "cmdline").read_bytes()
