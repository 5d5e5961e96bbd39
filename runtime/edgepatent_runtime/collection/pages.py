"""Pages of mapped files given back as soon as they are read.

Whoever touches a byte of a mapped file gets the 64 kB around it, as far as the system has them in
its cache, and all of it counts as memory of the process: a thousand rows here and there in a
million were 65 MB. Given back, they stay in the cache, which belongs to everybody.
"""

import mmap
from typing import Any

import numpy.typing as npt

FEW = 32
"""So many scattered rows are read between two times that pages are given back: 2 MB at most."""

_GIVE_BACK = getattr(mmap, "MADV_DONTNEED", None)


def give_back(mapped: npt.NDArray[Any]) -> None:
    """Let go of all pages of a `numpy.memmap`; the next access brings back what it needs."""
    if _GIVE_BACK is not None and isinstance(mapped.base, mmap.mmap):
        mapped.base.madvise(_GIVE_BACK)
