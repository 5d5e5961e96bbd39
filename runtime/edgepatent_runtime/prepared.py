"""Graphs that onnxruntime has optimised, kept for the next process.

Optimising takes most of the time in which a session is made, and comes out the same each time. What
came out is kept in the cache folder of whoever runs the program, never in an index: an index may
come from anybody, and what is read here is trusted as the program itself is. It holds for one
model, one version of onnxruntime and one kind of processor, whose kernels it is laid out for:
anything else has another name and is made anew. Where nothing can be kept, nothing is.
"""

import hashlib
import os
import platform
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

Made = TypeVar("Made")

MOST = 16
"""So many are kept, the newest."""

GRAPH, WEIGHTS = "graph.onnx", "weights"
"""The files of one: weights by themselves can be mapped, and need not be parsed."""

# What tells kinds of processor apart in Linux's list of them, on x86 and on ARM.
_KIND = {
    "vendor_id", "cpu family", "model", "model name", "flags",
    "Features", "CPU implementer", "CPU architecture", "CPU variant", "CPU part",
}  # fmt: skip


def folder() -> Path:
    """Where they are kept; it need not exist.

    By the XDG base directory specification, which is all that platformdirs would do on Linux: its
    import takes as long as reading the graph.
    """
    root = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if not root.is_absolute():
        root = Path("~/.cache").expanduser()
    return root / "edgepatent" / "prepared"


def processor() -> str:
    """What kind of processor this is, in no particular form."""
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8", errors="replace") as file:
            lines = file.read(1 << 14).split("\n\n")[0].splitlines()
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    told = [line for line in lines if line.partition(":")[0].strip() in _KIND]
    return "\n".join([platform.machine(), *told])


class Kept:
    """The place of one graph: of the model with the SHA-256 ``model``, made under ``settings``."""

    def __init__(self, model: str, *settings: str) -> None:
        facts = "\0".join([model, processor(), *settings])
        self._name = hashlib.sha256(facts.encode()).hexdigest()

    def find(self) -> Path | None:
        """The graph; None where there is none, or not as it was written."""
        with suppress(OSError, RuntimeError):  # a user without a home has no cache
            place = folder()
            if not _ours(place):
                return None
            for path in place.iterdir():
                if not path.name.startswith(self._name):
                    continue
                if path.name.endswith(_checksum(path)):
                    return path / GRAPH
                _remove(path)
        return None

    def make(self, make: Callable[[Path | None], Made]) -> Made:
        """What ``make`` gives, who leaves the graph at the path that it gets; None means: do not.

        Its weights it leaves beside it, in a file `WEIGHTS`, or in it. Raises what ``make`` raises
        without a path.
        """
        import tempfile

        with suppress(OSError, RuntimeError):
            place = folder()
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
            if _ours(place):
                with tempfile.TemporaryDirectory(dir=place, prefix=".") as scratch:
                    part = Path(scratch, "part")
                    part.mkdir()
                    try:
                        made = make(part / GRAPH)
                    except Exception:  # noqa: BLE001 -- a full disk, or its own fault: seen below
                        return make(None)
                    with suppress(OSError):
                        part.replace(place / f"{self._name}-{_checksum(part)}")
                        _tidy(place)
                    return made
        return make(None)


def remove(graph: Path) -> None:
    """Remove what was found, where that can be done: it is of no use."""
    with suppress(OSError):
        _remove(graph.parent)


def _checksum(kept: Path) -> str:
    """The CRC-32 of the files of one, as it ends its name. Raises `OSError`."""
    total = 0
    for name in (GRAPH, WEIGHTS):
        with suppress(FileNotFoundError, NotADirectoryError):
            total = zlib.crc32((kept / name).read_bytes(), total)
    return f"{total:08x}"


def _ours(place: Path) -> bool:
    """Whether nobody else can have put something into the folder ``place``. Raises `OSError`."""
    status = place.stat()
    return not hasattr(os, "geteuid") or (
        status.st_uid == os.geteuid() and not status.st_mode & 0o022
    )


def _tidy(place: Path) -> None:
    kept = [path for path in place.iterdir() if not path.name.startswith(".")]
    newest = sorted(kept, key=lambda path: -path.stat().st_mtime)
    for path in newest[MOST:]:
        _remove(path)


def _remove(path: Path) -> None:
    """Remove one, or a file in its place, as earlier versions kept them. Raises `OSError`."""
    if path.is_dir():
        import shutil

        shutil.rmtree(path)
    else:
        path.unlink()
