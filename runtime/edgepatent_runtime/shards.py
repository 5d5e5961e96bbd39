"""One index in parts: each shard is made by itself, on any machine, and they are merged afterwards.

A shard is a small index in a folder of its own. Which shard a patent lies in follows from its id
and the number of shards, from nothing else: whoever makes shard 3 of 16 needs nobody who makes the
others, and all drawings of a patent lie in one, so that several shards searched at once rank as
one index does.
"""

import hashlib
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import filelock
import msgspec

from edgepatent_runtime.bundle import Bundle
from edgepatent_runtime.collection import Collection
from edgepatent_runtime.collection.connection import exists
from edgepatent_runtime.collection.ingest import Added
from edgepatent_runtime.errors import CollectionError, InputError, LockedError, SpaceMismatchError
from edgepatent_runtime.index import Index
from edgepatent_runtime.progress import Progress, silent
from edgepatent_runtime.record import Record, Skipped
from edgepatent_runtime.sources.source import Source
from edgepatent_runtime.stores import is_address
from edgepatent_runtime.whole import sync_folder

if TYPE_CHECKING:
    from edgepatent_runtime.collection.embedding import Encodes

MOST = 99_999
"""So many shards there can be."""

_NAME = re.compile(r"\.?shard-\d{5}-of-(\d{5})(?:\.part|\.lock)?")


class Shard(msgspec.Struct, frozen=True):
    """The ``number``-th, counted from 1, of ``of`` parts."""

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """A shard as people write it, "3/16". Raises `InputError`."""
        found = re.fullmatch(r"(\d{1,5})/(\d{1,5})", text, re.ASCII)
        if found is None or not 1 <= int(found[1]) <= int(found[2]):
            raise InputError(f"{text!r} is no shard: write 1/16 to 16/16 for sixteen of them")
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    @property
    def name(self) -> str:
        """The name of its folder."""
        return f"shard-{self.number:05d}-of-{self.of:05d}"

    @classmethod
    def named(cls, name: str) -> "Shard | None":
        """The shard whose folder has this name; None where it is no shard's."""
        found = re.fullmatch(r"shard-(\d{5})-of-(\d{5})", name, re.ASCII)
        return cls(int(found[1]), int(found[2])) if found else None

    def holds(self, patent_id: str) -> bool:
        """Whether the drawings of a patent lie in this shard: SHA-256 of its id, modulo ``of``."""
        digest = hashlib.sha256(patent_id.encode()).digest()
        return int.from_bytes(digest[:8], "big") % self.of == self.number - 1


class _Part(msgspec.Struct):
    """What of a source lies in one shard."""

    spec: str
    root: str
    sheets: bool
    source: Source
    shard: Shard

    def records(self, skipped: Skipped) -> Iterator[Record]:
        return (one for one in self.source.records(skipped) if self.shard.holds(one.patent_id))


def embed(
    sources: Sequence[Source],
    shard: Shard,
    out: Path,
    model: Bundle,
    *,
    encoder: "Encodes | None" = None,
    anew: bool = False,
    threads: int = 0,
    skipped: Skipped | None = None,
    progress: Progress = silent,
) -> Added | None:
    """Make ``shard`` of ``sources`` in the folder ``out``: None where it is there already.

    It has its name once it is whole. Interrupted, the same call goes on where it stopped.
    ``encoder`` is the model's, where one is open already; ``anew`` throws away what was begun and
    not ended. Raises
    `InputError` where ``out`` holds shards of another number, `SpaceMismatchError` where they are
    of another model, `LockedError` where another process makes this one.
    """

    def fill(index: Index) -> Added:
        parts = [
            _Part(one.spec, one.root, getattr(one, "sheets", False), one, shard) for one in sources
        ]
        return index.add(
            *parts, encoder=encoder, threads=threads, skipped=skipped, progress=progress
        )

    return _make(out, shard, model, fill, anew)


def split(index: Path | str, out: Path, of: int, progress: Progress = silent) -> dict[str, int]:
    """Copy the index in a folder into ``of`` shards in ``out``; how many drawings each holds.

    Nothing is encoded again; shards that are there already stay, so that an interrupted call is
    gone on with. Raises `CollectionError` where they are not of this index as it is now, else as
    `embed`.
    """
    if not 1 <= of <= MOST:
        raise InputError(f"{of} is no number of shards: give 1 to {MOST}")
    if is_address(index):
        raise InputError("only folders are split: split the one that this one was filled from")
    held = {}
    with Index.open(index) as whole:
        for shard in (Shard(number, of) for number in range(1, of + 1)):

            def fill(part: Index, only: Callable[[str], bool] = shard.holds) -> Added:
                return part.merge(whole, only=only, progress=progress)

            _make(out, shard, whole.bundle, fill)
            with Index.open(out / shard.name) as made:
                held[shard.name] = made.info().drawings
        drawings = whole.info().drawings
    if sum(held.values()) != drawings:
        raise CollectionError(
            f"the shards in {out} hold {sum(held.values())} drawings, {index} holds {drawings}: it "
            "has changed since some were made; split it again into an empty folder"
        )
    return held


def _make(
    out: Path, shard: Shard, model: Bundle, fill: Callable[[Index], Added], anew: bool = False
) -> Added | None:
    """Fill a shard, then give it its name; None where it is there already."""
    made = out / shard.name
    part, guard = out / f".{shard.name}.part", out / f".{shard.name}.lock"
    out.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in (made, part, guard):
        if path.is_symlink():
            raise InputError(f"{path} is a link: remove it, or write to another folder with --out")
    _require_same_number(out, shard)
    try:
        with filelock.FileLock(guard, timeout=0):
            # Under the lock: whoever held it before may have finished.
            if exists(made):
                with Collection.open(made) as there:
                    _require_space(there.space, made, model)
                return None
            if anew:
                shutil.rmtree(part, ignore_errors=True)
            if exists(part):
                with Collection.open(part) as there:
                    _require_space(there.space, out, model)
            with Index.ready(part, model) as index:
                result = fill(index)
            try:
                part.rename(made)
            except OSError:
                # Another machine, whose locks are not seen from here, was faster with the same.
                if not exists(made):
                    raise
                shutil.rmtree(part)
                return None
            sync_folder(out)
    except filelock.Timeout:
        raise LockedError(
            f"shard {shard} in {out} is being made by another process: wait for it, or make "
            "another one"
        ) from None
    finally:
        # Whoever waits for this very lock looks for the name once more.
        if exists(made):
            with suppress(OSError):
                guard.unlink()
    return result


def _require_same_number(out: Path, shard: Shard) -> None:
    for path in out.iterdir():
        found = _NAME.fullmatch(path.name)
        if found is not None and int(found[1]) != shard.of:
            raise InputError(
                f"{out} holds shards of {int(found[1])}, not of {shard.of}: go on with that "
                "number, or write to another folder with --out"
            )


def _require_space(space: str, where: Path, model: Bundle) -> None:
    if space != model.info.space:
        raise SpaceMismatchError(
            f"{where} was made with another model: use that one, or write to another folder"
        )
