"""Memory that stays with the process between steps."""

import ctypes
import sys

# Of malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_MMAP_FROM, _TRIM_FROM = 1 << 30, (1 << 31) - 1  # bytes


def keep_freed_memory() -> bool:
    """Let the C library keep what tensors free, to be used again. Whether it could be asked.

    A training step on a CPU frees and takes the same hundreds of megabytes again and again. glibc
    gives each large block back to the kernel, which clears every page anew: up to a third of a
    step. Elsewhere (musl, macOS, Windows) nothing happens.
    """
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    asked = mallopt(_M_MMAP_THRESHOLD, _MMAP_FROM), mallopt(_M_TRIM_THRESHOLD, _TRIM_FROM)
    return all(answer == 1 for answer in asked)
