"""What a worker does: it answers calls until the pipe to its parent ends.

It imports nothing but the standard library by itself; what a call needs comes with the call.
"""

import os
import pickle
import signal
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterable
from queue import SimpleQueue
from typing import IO, Any, NamedTuple

# How a worker ends that ran out of memory; no signal and no usual exit status.
OUT_OF_MEMORY = 77
_LENGTH = struct.Struct("<Q")
_SET_DEATH_SIGNAL = 1
_LOOK_EVERY = 0.1


class Limits(NamedTuple):
    """What one call may take.

    ``memory`` is in bytes, interpreter and libraries included: a picture of `MAX_PIXELS` needs
    half of it. ``seconds`` are of processor time: a clock would blame a file for a busy machine.
    """

    memory: int = 1 << 30
    seconds: int = 60


class Call(NamedTuple):
    """``function`` is to be called with each of ``arguments``; each answer is sent at once.

    ``folder`` is the current one, which relative paths start from; None where it is gone.
    """

    function: Callable[[Any], Any]
    arguments: list[Any]
    folder: str | None


class Answer(NamedTuple):
    """What a call returned, or the error that it raised."""

    value: Any = None
    error: Exception | None = None


serving = False
"""Whether this process is a worker."""


def send(pipe: IO[bytes], data: bytes) -> None:
    """Write one message. Raises `OSError` where nobody reads."""
    pipe.write(_LENGTH.pack(len(data)))
    pipe.write(data)
    pipe.flush()


def receive(pipe: IO[bytes]) -> bytes | None:
    """One message, or None where the pipe ended."""
    head = pipe.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    data = pipe.read(length)
    return data if len(data) == length else None


def main(parent: int, limits: Limits) -> None:
    """Serve the process ``parent``, by standard input and output."""
    global serving
    serving = True
    # Ctrl-C is left to the process that waits for the answers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _end_with(parent)
    _limit_memory(limits.memory)
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    # What a library prints must not get between the answers.
    os.dup2(2, 1)
    calls: SimpleQueue[bytes] = SimpleQueue()
    threading.Thread(target=_listen, args=(requests, calls), daemon=True).start()
    send(answers, b"")
    while True:
        function, arguments, folder = pickle.loads(calls.get())
        if folder is not None:
            os.chdir(folder)
        for answer in _answered(function, arguments, limits.seconds):
            send(answers, pickle.dumps(answer, pickle.HIGHEST_PROTOCOL))


def _answered(
    function: Callable[[Any], Any], arguments: Iterable[Any], seconds: int
) -> Iterable[Answer]:
    for argument in arguments:
        _allow(seconds)
        try:
            yield Answer(function(argument))
        except MemoryError:
            # What is left of the memory is no place to go on in.
            os._exit(OUT_OF_MEMORY)
        except Exception as error:  # noqa: BLE001 -- it belongs to the caller, in the parent
            yield Answer(error=_portable(error))


def _portable(error: Exception) -> Exception:
    """The error, or one with the same words where it cannot be pickled."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # noqa: BLE001 -- whatever an error's own __reduce__ raises
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


def _listen(requests: IO[bytes], calls: "SimpleQueue[bytes]") -> None:
    """Take calls in beside the work, so that the end of the pipe ends the work as well."""
    while (data := receive(requests)) is not None:
        calls.put(data)
    os._exit(0)


def _end_with(parent: int) -> None:
    """Have the kernel end this process with its parent, even within a decoder (Linux)."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_SET_DEATH_SIGNAL, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(0)


def _limit_memory(limit: int) -> None:
    if sys.platform == "win32":
        return
    import resource

    # No copy of a crashed worker's memory, which holds drawings, is left on the disk.
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    if sys.platform == "linux":
        # Data, not address space: libraries reserve much that they never use.
        soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
        wanted = [value for value in (limit, soft, hard) if value != resource.RLIM_INFINITY]
        resource.setrlimit(resource.RLIMIT_DATA, (min(wanted), hard))
    else:
        # A process may begin with the peak of the one that forked it.
        most = peak() + limit
        threading.Thread(target=watch_memory, args=(most,), daemon=True).start()


def watch_memory(most: int) -> None:
    """End this process once its peak passes ``most`` bytes: macOS keeps to no such limit."""
    while peak() <= most:
        time.sleep(_LOOK_EVERY)
    os._exit(OUT_OF_MEMORY)


def peak() -> int:
    """The most memory that this process has held at once, in bytes."""
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _allow(seconds: int) -> None:
    """From here on so much processor time; then the kernel sends SIGXCPU."""
    if sys.platform == "win32":
        return
    import resource

    usage = resource.getrusage(resource.RUSAGE_SELF)
    end = int(usage.ru_utime + usage.ru_stime) + 1 + seconds
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    if hard == resource.RLIM_INFINITY or end < hard:
        resource.setrlimit(resource.RLIMIT_CPU, (end, hard))
