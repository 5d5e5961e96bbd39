"""A pack as it lies in its folder: written from two editions, and read without being believed."""

import hashlib
import os
import shutil
import time
from collections.abc import Set
from pathlib import Path
from typing import Annotated

import msgspec

from edgepatent_runtime import bundle, faults, names, whole
from edgepatent_runtime.bundle import Bundle
from edgepatent_runtime.collection import Collection, calibration, model, seal, thumbnails
from edgepatent_runtime.collection.connection import NAME
from edgepatent_runtime.collection.entries import Words
from edgepatent_runtime.collection.writer import vectors_name
from edgepatent_runtime.errors import BundleError, InputError
from edgepatent_runtime.names import Name
from edgepatent_runtime.progress import Progress

FORMAT = 1
DESCRIPTION = Name("update.json")
SIGNATURE = Name("update.json.sig")

_DESCRIPTION_BYTES = 64 << 20
_SIGNATURE_BYTES = 4096
_PIECE = 1 << 20

ROWS = vectors_name(1)
FILES = (NAME, seal.SEAL, ROWS, thumbnails.file_name(ROWS), calibration.NAME)
"""What a pack may hold beside its model: nothing else in its folder is looked at."""

_Digest = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]


class File(msgspec.Struct, frozen=True):
    """The size in bytes and SHA-256 of a file."""

    size: Annotated[int, msgspec.Meta(ge=0)]
    sha256: _Digest


class Description(msgspec.Struct, frozen=True):
    """What ``update.json`` says.

    ``base`` and ``target`` are the editions that the pack leads from and to (`edition.Edition`);
    ``removed`` are the patents that go, those that come back changed among them. ``model`` is the
    SHA-256 of the ``bundle.json`` of another model, None where it stays.
    """

    format: Annotated[int, msgspec.Meta(ge=1)]
    base: _Digest
    target: _Digest
    created: Words
    removed: list[Words]
    files: dict[str, File]
    model: _Digest | None


class _Format(msgspec.Struct):
    """What is read of any pack, also of one whose other fields mean something else."""

    format: int


class Pack:
    """An opened pack. Raises `InputError` where ``folder`` holds none, or one that is damaged."""

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        self.said = self._read(DESCRIPTION, _DESCRIPTION_BYTES)
        try:
            newer = msgspec.json.decode(self.said, type=_Format).format
            if newer > FORMAT:
                raise InputError(
                    f"{self.folder} has update format {newer}, this version reads up to {FORMAT}: "
                    "upgrade edgepatent"
                )
            self.info = msgspec.json.decode(self.said, type=Description)
            strange = [name for name in self.info.files if name not in FILES]
            if strange:
                raise ValueError(f"it lists {strange[0][:80]!r}")
        except (ValueError, RecursionError) as error:
            raise InputError(f"{self.folder / DESCRIPTION} is damaged: {error}") from error

    def _read(self, name: Name, limit: int) -> bytes:
        try:
            return names.read(self.folder, name, limit)
        except OSError as error:
            raise InputError(
                f"{self.folder} is no update pack ({name} cannot be read: {error.strerror}); make "
                "one with: edgepatent update pack"
            ) from error

    def signature(self) -> bytes | None:
        """``update.json.sig``, if there is one."""
        if not os.path.lexists(self.folder / SIGNATURE):
            return None
        return self._read(SIGNATURE, _SIGNATURE_BYTES)

    @property
    def bundle(self) -> Bundle | None:
        """The other model that it brings; None where it brings none. Raises `BundleError`."""
        if self.info.model is None:
            return None
        found = Bundle(self.folder / model.FIRST)
        if bundle.digest(found.description()) != self.info.model:
            raise BundleError(f"{found.folder} is damaged: copy the pack again")
        return found

    def copy(self, folder: Path) -> None:
        """Copy all but the model into ``folder``, checked on the way.

        Raises `InputError` for a file that is not as it was packed, or where there is no room.
        """
        wanted = sum(file.size for file in self.info.files.values())
        room = shutil.disk_usage(folder).free
        if wanted > room:
            raise InputError(
                f"{self.folder} needs {wanted // 10**6 + 1:,} MB in {folder.parent}, where "
                f"{room // 10**6:,} MB are free"
            )
        for name, file in self.info.files.items():
            try:
                sound = _copy(self.folder, Name(name), folder, file.size) == file.sha256
            except OSError as error:
                raise InputError(
                    f"{self.folder / name} cannot be copied to {folder.parent}: {error.strerror}"
                ) from error
            if not sound:
                raise InputError(
                    f"{self.folder / name} is damaged (its SHA-256 is not the one in "
                    f"{DESCRIPTION}): copy the pack again"
                )
            faults.point("update.copied")


def _copy(source: Path, name: Name, target: Path, size: int) -> str:
    """Copy a file of ``size`` bytes; the SHA-256 of what was copied. Raises `OSError`."""
    digest = hashlib.sha256()
    with names.opened(source, name, size) as file, (target / name).open("xb") as out:
        while size > 0 and (piece := file.read(min(size, _PIECE))):
            out.write(piece)
            digest.update(piece)
            size -= len(piece)
    return digest.hexdigest() if not size else ""


def write(
    folder: Path,
    source: Collection,
    base: str,
    target: str,
    only: Set[str],
    removed: Set[str],
    with_model: bool,
    progress: Progress,
) -> Description:
    """Write a pack of ``only`` some patents of ``source`` into the empty ``folder``.

    It leads from the edition ``base`` to ``target``.
    """
    carried = source.bundle
    with source.reading() as (_, taken):
        rotation = taken.rotation
    with Collection.create(folder, carried, rotation) as part:
        part.take_over(source, only.__contains__, progress)
        measured = source.calibration()
        if measured is not None:
            part.keep_calibration(measured)
    kept = {*FILES, model.FIRST} if with_model else {*FILES}
    for path in folder.iterdir():
        if path.name not in kept:
            (names.remove_folder if path.is_dir() else names.remove_file)(folder, path.name)
    files = {name: _described(folder / name) for name in FILES if (folder / name).exists()}
    info = Description(
        format=FORMAT,
        base=base,
        target=target,
        created=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        removed=sorted(removed),
        files=files,
        model=bundle.digest(carried.description()) if with_model else None,
    )
    whole.write(folder / DESCRIPTION, msgspec.json.format(msgspec.json.encode(info), indent=1))
    return info


def _described(path: Path) -> File:
    with path.open("rb") as file:
        return File(path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest())
