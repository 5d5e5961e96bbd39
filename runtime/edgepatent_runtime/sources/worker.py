"""What a decoding process does first. Imports nothing that starts threads."""

import os
import signal


def begin() -> None:
    """One thread a process, and Ctrl-C is left to the process that waits for the drawings.

    Left alone, OpenBLAS starts a thread a core in every worker, and they wait for each other in
    busy loops (fourteen times the CPU time over 6,000 icons on two cores).
    """
    os.environ["OMP_NUM_THREADS"] = "1"
    signal.signal(signal.SIGINT, signal.SIG_IGN)
