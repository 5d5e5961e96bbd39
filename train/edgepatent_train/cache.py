"""Normalised drawings on disk, so that an epoch costs a memory map and not a decoder.

A 300-dpi sheet takes tens of milliseconds to decode and shrink, far more than its share of a
training step. Each set of drawings is therefore decoded once into one ``.npy`` file of uint8
[N, S, S], named by a digest of every reference, its file's size and time, S, and the code that
decodes, normalises and draws: a cache that knows all it depends on cannot be stale.

This module imports no torch: worker processes that decode start in a fraction of a second.
"""

import hashlib
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
import platformdirs

from edgepatent_runtime import drawing, sources, synthetic
from edgepatent_runtime.errors import DrawingError, SourceError
from edgepatent_runtime.progress import Progress, silent
from edgepatent_runtime.record import ImageRef, Record, Skipped
from edgepatent_runtime.sources import load

CHUNK = 64
SERIAL_BELOW = 256  # starting worker processes costs more than so many drawings


def cache_folder() -> Path:
    """``$EDGEPATENT_CACHE``, or the user's cache folder. Safe to delete at any time."""
    named = os.environ.get("EDGEPATENT_CACHE")
    return Path(named) if named else Path(platformdirs.user_cache_dir("edgepatent", False))


def cached_drawings(
    records: Sequence[Record], size: int, skipped: Skipped, progress: Progress = silent
) -> tuple[list[Record], Path, npt.NDArray[np.int64]]:
    """Decode what is not cached; return the usable records, the file, and their rows in it.

    The file is a ``.npy`` of uint8 [N, size, size]. A drawing that cannot be used is counted in
    ``skipped`` by reason and left out. Raises `OSError` where the cache cannot be written.
    """
    folder = cache_folder() / "drawings"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
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
    for module in (drawing, sources, synthetic):
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
    try:
        refs = [record.image for record in records]
        chunks = [refs[i : i + CHUNK] for i in range(0, len(refs), CHUNK)]
        workers = (os.cpu_count() or 1) if len(refs) > SERIAL_BELOW else 0
        done = 0
        # Written, not mapped: on a full disk a write raises where a mapped page kills the process.
        with part.open("wb") as out:
            header = {"descr": "|u1", "fortran_order": False, "shape": (len(refs), size, size)}
            np.lib.format.write_array_header_1_0(out, header)
            for drawings, reasons in _decode_all(chunks, size, workers):
                out.write(drawings.tobytes())
                failures.update({done + i: reason for i, reason in reasons.items()})
                done += len(drawings)
                progress("reading drawings", done, len(refs))
        failures_file.write_bytes(msgspec.json.encode(failures))
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)


def _decode_all(
    chunks: list[list[ImageRef]], size: int, workers: int
) -> Iterator[tuple[npt.NDArray[np.uint8], dict[int, str]]]:
    """Decode chunk after chunk, in order, in this process or in ``workers`` others."""
    if not workers:
        yield from (_decode(chunk, size) for chunk in chunks)
        return
    # Spawned, not forked: a fork of a process in which torch has started threads may hang.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(_decode, chunks, [size] * len(chunks))


def _decode(refs: list[ImageRef], size: int) -> tuple[npt.NDArray[np.uint8], dict[int, str]]:
    """Normalised drawings [n, size, size], and why some of them are missing (left white)."""
    drawings = np.full((len(refs), size, size), 255, np.uint8)
    reasons: dict[int, str] = {}
    for row, ref in enumerate(refs):
        try:
            drawings[row] = load(ref, size)
        except DrawingError as error:
            reasons[row] = error.reason
        except (SourceError, OSError):
            reasons[row] = "cannot be read"
    return drawings, reasons
