"""Drawings as training sees them: pixels in a memory map, labels as numbers."""

import csv
import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
from msgspec.structs import replace

from edgepatent_runtime.errors import TrainingError
from edgepatent_runtime.progress import Progress, silent
from edgepatent_runtime.record import Record, Skipped
from edgepatent_runtime.sources import open_source
from edgepatent_train.cache import cached_drawings
from edgepatent_train.names import name_of
from edgepatent_train.recipe import LossLevel, Recipe, SourceRecipe

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class DrawingSet:
    """Records with their normalised drawings, uint8 [N, S, S], and integer labels [N].

    Labels count from 0 in the order of names; −1 is unknown. ``source`` [N] counts the sources of
    a mixture from 0; it is 0 for all of a single one. ``file`` holds the pixels and is opened where
    it is used, so that a set travels to worker processes as a path.
    """

    records: tuple[Record, ...]
    file: Path
    rows: Ints
    source: Ints

    def __len__(self) -> int:
        return len(self.records)

    @cached_property
    def _pixels(self) -> npt.NDArray[np.uint8]:
        pixels: npt.NDArray[np.uint8] = np.load(self.file, mmap_mode="r")
        return pixels

    def __getstate__(self) -> dict[str, object]:
        names = ("records", "file", "rows", "source")
        return {name: self.__dict__[name] for name in names}

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
        for record, source in zip(self.records, self.source, strict=True):
            name = Path(record.image.path).name
            labels = f"{record.patent_id}\t{record.klass}\t{record.subclass}\t{source}"
            state.update(f"{name}\t{record.image.page}\t{record.image.box}\t{labels}\n".encode())
        return state.hexdigest()

    def subset(self, indices: Ints) -> "DrawingSet":
        """The drawings at ``indices``, with labels numbered anew."""
        records = tuple(self.records[i] for i in indices)
        return DrawingSet(records, self.file, self.rows[indices], self.source[indices])


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


def read_mixture(
    specs: Iterable[str], recipe: Recipe, skipped: Skipped, progress: Progress = silent
) -> dict[str, list[Record]]:
    """The records of each of the recipe's sources, labelled as it says, by the source's name.

    ``specs`` are of the form NAME=SOURCE; several may have one name. A recipe without sources
    takes plain ones, under the name "". Raises what `open_source` raises, and `TrainingError` for a
    spec that no source of the recipe stands for and a source without any.
    """
    mixture: dict[str, list[Record]] = {source.name: [] for source in recipe.sources} or {"": []}
    of = {source.name: source for source in recipe.sources}
    for given in specs:
        name, equals, spec = given.partition("=")
        if not of:
            mixture[""] += read_records([given], skipped, progress)
        elif equals and name in of:
            records = read_records([spec], skipped, progress)
            mixture[name] += [_relabelled(r, of[name]) for r in _named(records, spec, of[name])]
        else:
            raise TrainingError(
                f"the recipe mixes the sources {', '.join(of)}: say which of them {given} is, as "
                f"in --data {next(iter(of))}={given}"
            )
    for name, records in mixture.items():
        if not records:
            raise TrainingError(f"there is no drawing of {name}: give --data {name}=SOURCE")
    return mixture


def _relabelled(record: Record, source: SourceRecipe) -> Record:
    """The record with labels in the spaces that the source's recipe says."""
    changed: dict[str, str | None] = {}
    for level, field in (("class", "klass"), ("subclass", "subclass")):
        space, label = source.labels.get(level, "shared"), getattr(record, field)  # type: ignore[call-overload]
        if label is not None and space != "shared":
            changed[field] = f"{source.name}:{label}" if space == "own" else None
    return replace(record, **changed) if changed else record


def _named(records: Sequence[Record], spec: str, source: SourceRecipe) -> list[Record]:
    """The records with the names of things from the column that the source's recipe says."""
    if source.title == "title":
        return list(records)
    if not source.title:
        return [replace(record, title=None) for record in records]
    metadata = Path(spec) / "metadata.csv"
    try:
        with metadata.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            if not {"file_name", source.title} <= set(rows.fieldnames or ()):
                raise TrainingError(f"{metadata} has no column {source.title} (sources.title)")
            names = {os.path.normpath(row["file_name"] or ""): row[source.title] for row in rows}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise TrainingError(f"{metadata} cannot be read: {error}") from error
    return [
        replace(record, title=names.get(os.path.relpath(record.image.path, spec)) or record.title)
        for record in records
    ]


def drawing_set(
    records: Sequence[Record],
    size: int,
    skipped: Skipped,
    progress: Progress = silent,
    source: Ints | None = None,
) -> DrawingSet:
    """The usable drawings of ``records`` at ``size`` pixels, decoded once and cached.

    ``source`` [N] numbers the source of each record, where there are several. Raises
    `TrainingError` where none is usable.
    """
    usable, file, rows = cached_drawings(records, size, skipped, progress)
    if not usable:
        raise TrainingError(
            "no drawing in the data can be used: look at them with edgepatent data scan SOURCE"
        )
    source = np.zeros(len(records), np.int64) if source is None else source
    return DrawingSet(tuple(usable), file, rows, source[rows])


def _numbers(names: Sequence[str | None]) -> Ints:
    """Names → 0, 1, … in sorted order, None → −1."""
    order = {name: i for i, name in enumerate(sorted({n for n in names if n is not None}))}
    return np.array([-1 if name is None else order[name] for name in names], np.int64)
