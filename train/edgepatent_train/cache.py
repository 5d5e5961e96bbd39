"""Normalised drawings on disk, so that an epoch costs a memory map and not a decoder.

A 300-dpi sheet takes tens of milliseconds to decode and shrink, far more than its share of a
training step. Each set of drawings is therefore decoded once into one ``.npy`` file of uint8
[N, S, S], named by a digest of every reference, its file's size and time, S, and the code that
decodes, normalises and draws: a cache that knows all it depends on cannot be stale.
"""

import hashlib
import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
import platformdirs

import edgepatent_synthetic
from edgepatent_runtime import drawing, sources
from edgepatent_runtime.errors import DrawingError
from edgepatent_runtime.progress import Progress, silent
from edgepatent_runtime.record import Record, Skipped
from edgepatent_runtime.sources.loading import load_all

STRIDE = 64  # drawings between two signs of progress


def cache_folder() -> Path:
    """``$EDGEPATENT_CACHE``, or the user's cache folder. Safe to delete at any time.

    Made readable to its owner alone: it holds drawings that may be unpublished.
    """
    named = os.environ.get("EDGEPATENT_CACHE")
    folder = Path(named) if named else Path(platformdirs.user_cache_dir("edgepatent", False))
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def cached_drawings(
    records: Sequence[Record], size: int, skipped: Skipped, progress: Progress = silent
) -> tuple[list[Record], Path, npt.NDArray[np.int64]]:
    """Decode what is not cached; return the usable records, the file, and their rows in it.

    The file is a ``.npy`` of uint8 [N, size, size]. A drawing that cannot be used is counted in
    ``skipped`` by reason and left out. Raises `OSError` where the cache cannot be written.
    """
    folder = cache_folder() / "drawings"
    folder.mkdir(exist_ok=True)
    file = folder / f"{_digest(records, size)}.npy"
    failures_file = file.with_suffix(".json")
    if not (file.exists() and failures_file.exists()):
        _fill(file, failures_file, records, size, progress)
    failures = msgspec.json.decode(failures_file.read_bytes(), type=dict[int, str])
    for row, reason in failures.items():
        skipped.add(reason, records[row].image)
    rows = [row for row in range(len(records)) if row not in failures]
    return [records[row] for row in rows], file, np.array(rows, np.int64)


@cache
def code_digest() -> str:
    """A digest of the code that reads, normalises and generates drawings."""
    state = hashlib.sha256()
    for module in (drawing, sources, edgepatent_synthetic):
        for code in sorted(Path(str(module.__file__)).parent.rglob("*.py")):
            state.update(code.read_bytes())
    return state.hexdigest()


def _digest(records: Sequence[Record], size: int) -> str:
    """What the pixels depend on: references, the files behind them, the size, the code."""
    state = hashlib.sha256(f"{code_digest()} {size}".encode())
    stamps: dict[str, str] = {}
    for record in records:
        path = record.image.path
        if path not in stamps:
            try:
                stat = Path(path).stat()
                stamps[path] = f"{stat.st_size} {stat.st_mtime_ns}"
            except OSError:
                stamps[path] = ""  # a synthetic design, or a missing file that will be skipped
        state.update(f"\n{record.image}\t{stamps[path]}".encode())
    return state.hexdigest()[:32]


def _fill(
    file: Path, failures_file: Path, records: Sequence[Record], size: int, progress: Progress
) -> None:
    """Decode all drawings into a new file; it takes its name only when it is complete."""
    part = file.with_suffix(f".{os.getpid()}.part")
    failures: dict[int, str] = {}
    blank = np.full((size, size), 255, np.uint8).tobytes()
    shape = (len(records), size, size)
    try:
        # Written, not mapped: on a full disk a write raises where a mapped page kills the process.
        with part.open("wb") as out:
            header = {"descr": "|u1", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(out, header)
            for row, (_, drawn) in enumerate(load_all(records, size)):
                if isinstance(drawn, DrawingError):
                    failures[row] = drawn.reason
                    out.write(blank)
                else:
                    out.write(drawn.tobytes())
                if row % STRIDE == STRIDE - 1 or row == len(records) - 1:
                    progress("reading drawings", row + 1, len(records))
        failures_file.write_bytes(msgspec.json.encode(failures))
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
