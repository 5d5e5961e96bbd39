"""Drawings as training sees them: pixels in a memory map, labels as numbers."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgepatent_runtime.errors import TrainingError
from edgepatent_runtime.progress import Progress, silent
from edgepatent_runtime.record import Record, Skipped
from edgepatent_runtime.sources import open_source
from edgepatent_train.cache import cached_drawings
from edgepatent_train.names import name_of
from edgepatent_train.recipe import LossLevel

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class DrawingSet:
    """Records with their normalised drawings, uint8 [N, S, S], and integer labels [N].

    Labels count from 0 in the order of names; −1 is unknown. ``file`` holds the pixels and is
    opened where it is used, so that a set travels to worker processes as a path.
    """

    records: tuple[Record, ...]
    file: Path
    rows: Ints

    def __len__(self) -> int:
        return len(self.records)

    @cached_property
    def _pixels(self) -> npt.NDArray[np.uint8]:
        pixels: npt.NDArray[np.uint8] = np.load(self.file, mmap_mode="r")
        return pixels

    def __getstate__(self) -> dict[str, object]:
        return {"records": self.records, "file": self.file, "rows": self.rows}

    def pixels(self, indices: int | Ints) -> npt.NDArray[np.uint8]:
        """A copy of one drawing [S, S] or of several [n, S, S]."""
        return np.array(self._pixels[self.rows[indices]])

    @cached_property
    def patent(self) -> Ints:
        """Patent labels [N], all known."""
        return _numbers([record.patent_id for record in self.records])

    @cached_property
    def subclass(self) -> Ints:
        """Subclass labels [N]."""
        return _numbers([record.subclass for record in self.records])

    @cached_property
    def klass(self) -> Ints:
        """Class labels [N]."""
        return _numbers([record.klass for record in self.records])

    def level(self, level: LossLevel) -> Ints:
        """Labels [N] of one level of the loss."""
        if level == "name":
            return _numbers([name_of(record.title) for record in self.records])
        return {"patent": self.patent, "subclass": self.subclass, "class": self.klass}[level]

    @cached_property
    def digest(self) -> str:
        """What identifies drawings and labels, in order, wherever their files lie."""
        state = hashlib.sha256()
        for record in self.records:
            name = Path(record.image.path).name
            labels = f"{record.patent_id}\t{record.klass}\t{record.subclass}"
            state.update(f"{name}\t{record.image.page}\t{record.image.box}\t{labels}\n".encode())
        return state.hexdigest()

    def subset(self, indices: Ints) -> "DrawingSet":
        """The drawings at ``indices``, with labels numbered anew."""
        records = tuple(self.records[i] for i in indices)
        return DrawingSet(records, self.file, self.rows[indices])


def read_records(
    sources: Iterable[str], skipped: Skipped, progress: Progress = silent
) -> list[Record]:
    """All records of some sources, in order. Raises what `open_source` raises."""
    records: list[Record] = []
    for spec in sources:
        for record in open_source(spec).records(skipped):
            records.append(record)
            if len(records) % 256 == 0:
                progress("listing drawings", len(records), None)
    return records


def drawing_set(
    records: Sequence[Record], size: int, skipped: Skipped, progress: Progress = silent
) -> DrawingSet:
    """The usable drawings of ``records`` at ``size`` pixels, decoded once and cached.

    Raises `TrainingError` where none is usable.
    """
    usable, file, rows = cached_drawings(records, size, skipped, progress)
    if not usable:
        raise TrainingError(
            "no drawing in the data can be used: look at them with edgepatent data scan SOURCE"
        )
    return DrawingSet(tuple(usable), file, rows)


def _numbers(names: Sequence[str | None]) -> Ints:
    """Names → 0, 1, … in sorted order, None → −1."""
    order = {name: i for i, name in enumerate(sorted({n for n in names if n is not None}))}
    return np.array([-1 if name is None else order[name] for name in names], np.int64)
