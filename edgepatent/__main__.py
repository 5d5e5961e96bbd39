"""``edgepatent`` and ``python -m edgepatent``."""

import atexit
import gc
import os
import sys
import threading
from contextlib import suppress
from typing import NoReturn

from edgepatent.cli import run


def main() -> None:
    """Run the command line and exit with its status: 0 done, 1 refused or failed, 2 wrong usage."""
    closed = _open_what_is_closed()
    if 1 in closed:
        if 2 not in closed:
            os.write(2, b"edgepatent: standard output is closed: send it to /dev/null\n")
        sys.exit(1)
    # Imports make many objects and hardly any garbage: 700 of them, the threshold of Python 3.11,
    # had it looked for ninety times in a cold search, 19 ms.
    gc.set_threshold(10_000)
    # Numpy's products are small here, and threads of OpenBLAS wait for each other in busy loops:
    # beside other work the rotation of a new index took 900 ms of processors instead of 6.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    status = run()
    try:
        sys.stdout.flush()
    except OSError:
        # Whoever read it has gone, as head does: nothing to say, and nobody to say it to.
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        status = 1
    _leave(status)


def _leave(status: int) -> NoReturn:
    """End the process as it is: to take it apart, object by object, is 80 ms of a cold search.

    What asked to be told of the end (the process that reads foreign files, among others) is told.
    """
    if threading.active_count() > 1:
        # Somebody is still at work; Python waits for them.
        sys.exit(status)
    with suppress(OSError):
        sys.stderr.flush()
    atexit._run_exitfuncs()
    os._exit(status)


def _open_what_is_closed() -> list[int]:
    """Open standard streams that are closed, on nothing; which of 0, 1 and 2 they are.

    The next file to be opened would take the number, and what is meant for a terminal would be
    written into an index.
    """
    closed = []
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            closed.append(number)
            os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, os.fdopen(number, mode, closefd=False))
    return closed


if __name__ == "__main__":
    main()
