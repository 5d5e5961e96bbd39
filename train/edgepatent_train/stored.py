"""Vectors that somebody else computed, as a teacher: CLIP's, SigLIP's, those of any other network.

A file of vectors is one of

- ``FILE.npz`` as `numpy.savez` writes it: ``file_name`` [N] and one or several spaces [N, D] of
  float16, float32 or float64, under any names;
- ``FILE.npy`` [N, D] with ``FILE.jsonl`` beside it, as ``edgepatent embed`` writes them: one space.

A name fits the drawing whose path ends with it: "a/1.png" fits /data/a/1.png and not /data/b/1.png.
So a file goes with its drawings wherever they lie. A further page of a TIFF or PDF, a box and the
member of an archive follow the path as in str(`ImageRef`): "sheets.tif#page=2".
"""

import hashlib
import os
import shutil
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import msgspec
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from edgepatent_runtime.arrays import DAMAGE
from edgepatent_runtime.errors import TrainingError
from edgepatent_runtime.record import ImageRef, Record
from edgepatent_train.cache import cache_folder

SUFFIXES = (".npz", ".npy")
NAMES = "file_name"
FEW = 0.05  # a file that knows fewer of the drawings is probably that of others
_STRIDE = 8192  # rows looked at together
Ints = npt.NDArray[np.int64]
Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Space:
    """One space of a teacher: its vectors for N drawings, read when they are asked for.

    ``vectors`` [R, D] may be mapped from disk; ``rows`` [N] says which of them belongs to a
    drawing, −1 for none; ``mean`` [D] is taken out before they are brought to unit length.
    """

    name: str
    vectors: Array
    rows: Ints
    mean: npt.NDArray[np.float32]

    @property
    def dimensions(self) -> int:
        """D."""
        return int(self.vectors.shape[1])

    def __getitem__(self, drawings: Tensor) -> Tensor:
        """Vectors float32 [n, D] of the drawings int64 [n]: unit length, or zeros for none."""
        rows = self.rows[drawings.numpy()]
        taken = np.zeros((len(rows), self.dimensions), np.float32)
        known = rows >= 0
        taken[known] = self.vectors[rows[known]] - self.mean
        return F.normalize(torch.from_numpy(taken), dim=1)


@dataclass(frozen=True)
class Stored:
    """An opened file of vectors: the names of its rows, and its spaces, mapped from disk."""

    file: Path
    names: Sequence[str]
    spaces: Mapping[str, Array]

    @classmethod
    def open(cls, file: Path) -> "Stored":
        """Raises `TrainingError` for a file that holds no names and vectors; nothing in it is
        ever unpickled."""
        try:
            names, spaces = (_npz if file.suffix == ".npz" else _npy)(file)
        except TrainingError:
            raise
        except FileNotFoundError as error:
            raise TrainingError(f"{error.filename} does not exist") from error
        except DAMAGE as error:
            raise TrainingError(f"{file} holds no vectors: {error}") from error
        for name, vectors in spaces.items():
            if vectors.ndim != 2 or vectors.dtype.kind != "f" or not vectors.shape[1]:
                raise TrainingError(
                    f"{file}: {name} is {vectors.dtype} {list(vectors.shape)}, not vectors [N, D] "
                    "of floating-point numbers"
                )
            if len(vectors) != len(names):
                raise TrainingError(f"{file} has {len(names)} names and {len(vectors)} of {name}")
        if not spaces:
            raise TrainingError(f"{file} has names and no vectors")
        return cls(file, names, spaces)

    def rows(self, records: Sequence[Record]) -> Ints:
        """The row of each record [N], −1 for none.

        Raises `TrainingError` where no record has one, or a name stands there twice.
        """
        row_of = {name: row for row, name in enumerate(self.names)}
        if len(row_of) < len(self.names):
            twice = next(name for row, name in enumerate(self.names) if row_of[name] != row)
            raise TrainingError(f"{self.file} names {twice} twice")
        found = np.array([_find(row_of, str(record.image)) for record in records], np.int64)
        if (found < 0).all():
            raise TrainingError(
                f"{self.file} has vectors of none of the drawings: it names {self.names[0]}, the "
                f"data {records[0].image}"
                if len(self.names)
                else f"{self.file} is empty"
            )
        return found

    def told(
        self, records: Sequence[Record], weights: Mapping[str, float], *, centre: bool
    ) -> list[Space]:
        """What each space with a weight above 0 (1 where ``weights`` is silent) has of the records.

        Raises what `rows` raises, and `TrainingError` for a weight of a space that is not there
        and for vectors that are no numbers.
        """
        rows = self.rows(records)
        spaces = [
            Space(name, vectors, rows, self._mean(name, np.unique(rows[rows >= 0]), centre))
            for name, vectors in self.spaces.items()
            if weights.get(name, 1.0) > 0
        ]
        return spaces

    def _mean(self, name: str, rows: Ints, centre: bool) -> npt.NDArray[np.float32]:
        """The mean of some rows, or zeros; all of them are looked at."""
        vectors = self.spaces[name]
        total = np.zeros(vectors.shape[1])
        for start in range(0, len(rows), _STRIDE):
            some = rows[start : start + _STRIDE]
            part = vectors[some].astype(np.float64)
            bad = ~np.isfinite(part).all(1)
            if bad.any():
                where = self.names[some[bad.argmax()]]
                raise TrainingError(f"{self.file}: {name} of {where} holds values that are none")
            total += part.sum(0)
        return (total / len(rows) if centre else np.zeros_like(total)).astype(np.float32)


def describe(stored: Stored, spaces: Sequence[Space]) -> str:
    """How much of the drawings a file of vectors knows, in a line; a warning where it is little."""
    known = spaces[0].rows >= 0
    kinds = ", ".join(f"{space.name} {space.dimensions}" for space in spaces)
    line = f"{stored.file} has vectors ({kinds}) of {known.sum()} of {len(known)} drawings"
    if known.mean() < FEW:
        return f"warning: {line}: are they named as the drawings are, relative to their folder?"
    return line


def _find(row_of: Mapping[str, int], path: str) -> int:
    """The row whose name ``path`` ends with, the longest such name; −1 without one."""
    if path in row_of:
        return row_of[path]
    at = path.find("/")
    while at >= 0:
        row = row_of.get(path[at + 1 :])
        if row is not None:
            return row
        at = path.find("/", at + 1)
    return -1


def _npz(file: Path) -> tuple[list[str], dict[str, Array]]:
    with zipfile.ZipFile(file) as archive:
        members = {i.filename.removesuffix(".npy"): i for i in archive.infolist()}
        if NAMES not in members:
            raise TrainingError(f"{file} has no array {NAMES}: the names of the drawings")
        for info in members.values():
            with archive.open(info) as member:
                _refuse_objects(file, info, member)
        names = np.load(_unpacked(file, archive, members.pop(NAMES)), allow_pickle=False)
        if names.ndim != 1 or names.dtype.kind not in "US":
            raise TrainingError(
                f"{file}: {NAMES} is {names.dtype} {list(names.shape)}, not [N] text"
            )
        spaces = {
            name: np.load(_unpacked(file, archive, info), mmap_mode="r", allow_pickle=False)
            for name, info in members.items()
        }
    return [os.path.normpath(name) for name in names.astype(str).tolist()], spaces


def _refuse_objects(file: Path, info: zipfile.ZipInfo, member: IO[bytes]) -> None:
    """Raise unless a member is a plain array of the size that the archive says, before all of it
    is read: a small archive may hold what fills a disk."""
    major = np.lib.format.read_magic(member)[0]
    header = (
        np.lib.format.read_array_header_1_0 if major == 1 else np.lib.format.read_array_header_2_0
    )
    shape, _, dtype = header(member)
    size = int(np.prod(shape, dtype=object)) * dtype.itemsize
    if dtype.hasobject or not 0 <= info.file_size - size <= 1 << 16:
        raise TrainingError(f"{file}: {info.filename} is no plain array")


def _unpacked(file: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Path:
    """A member as a file of its own, which can be mapped; unpacked into the cache once."""
    stat = file.stat()
    key = f"{file.resolve()} {stat.st_size} {stat.st_mtime_ns} {info.filename} {info.CRC}"
    into = cache_folder() / "teachers" / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.npy"
    if into.exists():
        return into
    into.parent.mkdir(exist_ok=True)
    if info.file_size > shutil.disk_usage(into.parent).free:
        raise TrainingError(f"{into.parent} has no room for the {info.file_size} bytes of {file}")
    part = into.with_suffix(f".{os.getpid()}.part")
    try:
        with archive.open(info) as packed, part.open("wb") as out:
            shutil.copyfileobj(packed, out, 1 << 20)
        part.replace(into)
    finally:
        part.unlink(missing_ok=True)
    return into


class _Line(msgspec.Struct):
    """What is needed of a line that ``edgepatent embed`` writes."""

    image: ImageRef


def _npy(file: Path) -> tuple[list[str], dict[str, Array]]:
    beside = file.with_suffix(".jsonl")
    vectors = np.load(file, mmap_mode="r", allow_pickle=False)
    decoder = msgspec.json.Decoder(_Line)
    names = []
    with beside.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            try:
                names.append(str(decoder.decode(line).image))
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise TrainingError(f"{beside}, line {number}: {error}") from error
    return _below_their_root(names), {"embedding": vectors}


def _below_their_root(names: list[str]) -> list[str]:
    """Names of files relative to the folder that holds all of them; others as they are."""
    files = {n: os.path.normpath(Path(n).absolute()) for n in names if _is_file(n)}
    if not files:
        return names
    root = os.path.commonpath([Path(file).parent for file in files.values()])
    return [os.path.relpath(files[n], root) if n in files else n for n in names]


def _is_file(name: str) -> bool:
    """Whether a name is a path, not that of a drawing which is made when it is asked for."""
    return ":" not in name.split("/", 1)[0]
