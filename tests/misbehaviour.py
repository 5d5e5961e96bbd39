"""What a decoder may do to the process that it runs in: functions for workers to call."""

import os
import time
from pathlib import Path


def twice(number: int) -> int:
    return 2 * number


def die_of(signal: int) -> int:
    """0 for 0; else end this process by a signal."""
    if signal:
        os.kill(os.getpid(), signal)
        time.sleep(60)
    return 0


def die_once(mark: Path) -> str:
    """End this process, but only the first that comes by."""
    if not mark.exists():
        mark.touch()
        os._exit(3)
    return "survived"


def spin(*_: object) -> None:
    while True:
        pass


def spin_for_some(number: int) -> None:
    """At once for 0, else for ever."""
    if number:
        spin(number)


def hold(size: int) -> int:
    """So many bytes of memory, at once."""
    return len(bytearray(size))


def fail(name: str) -> None:
    raise LookupError(name)


def fail_strangely(_: object) -> None:
    class LocalError(Exception):
        """One that no other process knows."""

    raise LocalError("strange")


def chatter(line: str) -> int:
    """Write to both standard streams, as C libraries do."""
    os.write(1, line.encode())
    os.write(2, line.encode())
    return os.getpid()


def session(_: object) -> tuple[int, int, str]:
    """The id of this process, of its session, and what its standard input is at the end of."""
    return os.getpid(), os.getsid(0), os.environ.get("OMP_NUM_THREADS", "")
