"""Members of ZIP and TAR archives, read in place and without trust.

Nothing is ever unpacked to disk here, so names that try to leave their folder have nowhere to go;
they, links, devices, encrypted members and names that are not UTF-8 are left out and counted.

Limits: a member may unpack to at most `MEMBER_LIMIT` bytes (what its header claims and what really
comes out are both checked), archives nest at most one deep (a ZIP in a TAR or ZIP, as the USPTO
packs its weeks), members are stored or deflated, a TAR is not compressed as a whole: that would
have to be read from its start for every drawing.
"""

import io
import os
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from edgepatent_runtime.errors import DrawingError, SourceError
from edgepatent_runtime.record import Skipped
from edgepatent_runtime.sources.folder import shown

MEMBER_LIMIT = 256 << 20
SUFFIXES = (".tar", ".zip")

# What zipfile and tarfile raise over damaged bytes: neither keeps to its own exception class.
_DAMAGE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    struct.error,
    EOFError,
    ValueError,
    OverflowError,
    RuntimeError,  # encrypted members; also RecursionError and NotImplementedError
    MemoryError,
)


class Archive(Protocol):
    """An opened archive: the names of its plain files and their bytes."""

    sizes: dict[str, int]
    skipped: Skipped

    def read(self, name: str) -> bytes:
        """The bytes of one member. Raises `DrawingError` where it is damaged or too large."""
        ...


class ZipArchive:
    """A ZIP file, or one that was read from another archive.

    Raises `SourceError` where it has no directory, as one that was cut short has none.
    """

    def __init__(self, file: Path | io.BytesIO, label: str) -> None:
        self._label = label
        self.skipped = Skipped()
        self.sizes: dict[str, int] = {}
        try:
            self._zip = zipfile.ZipFile(file)
            for info in self._zip.infolist():
                reason = _distrust(info.filename)
                # Not is_dir(), which looks at the last letter of a name that may have none.
                if info.filename.endswith("/"):
                    continue
                if (info.external_attr >> 16) & 0o170000 not in (0, 0o100000):
                    reason = "link or device in an archive"
                elif info.flag_bits & 1:
                    reason = "encrypted member of an archive"
                elif info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    reason = "unusual compression in an archive"
                if reason:
                    self.skipped.add(reason, f"{label}!{shown(info.filename)}")
                else:
                    self.sizes[info.filename] = info.file_size
        except _DAMAGE as error:
            raise SourceError(
                f"{label} is no whole ZIP archive ({error}): fetch or copy it again"
            ) from error

    def read(self, name: str) -> bytes:
        """The bytes of one member."""
        label = f"{self._label}!{name}"
        _check_member(self.sizes, name, label)
        try:
            with self._zip.open(name) as member:
                # zipfile stops at the size that the header claims, which has been checked.
                return member.read(MEMBER_LIMIT)
        except (*_DAMAGE, OSError) as error:  # a damaged offset leads before the start
            raise DrawingError("damaged member of an archive", f"{label}: {error}") from error


class TarArchive:
    """An uncompressed TAR file. Cut short, it gives the members before the cut.

    Only offsets are kept and the file is opened anew for each member, so that threads and forked
    processes can share one. Raises `SourceError` where the file is no TAR archive.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.skipped = Skipped()
        self.sizes: dict[str, int] = {}
        self._offsets: dict[str, int] = {}
        end = path.stat().st_size
        with path.open("rb") as file:
            try:
                with tarfile.open(fileobj=file, mode="r:") as tar:
                    while member := tar.next():
                        # tarfile keeps every member that it has seen.
                        tar.members = []  # type: ignore[attr-defined]
                        self._add(member, end)
                    whole = _ends_in_zeros(file, tar.offset)
            except _DAMAGE as error:
                if not self.sizes:
                    raise SourceError(
                        f"{path} is no uncompressed TAR archive ({error}): gunzip it, or fetch "
                        "it again"
                    ) from error
                whole = False
        if not whole:
            self.skipped.add("archive cut short", path)

    def _add(self, member: tarfile.TarInfo, end: int) -> None:
        reason = _distrust(member.name)
        if member.isdir():
            return
        if not member.isreg() or member.issparse():
            reason = "link or device in an archive"
        elif member.offset_data + member.size > end:
            return  # the member at the cut; counted with the archive
        if reason:
            self.skipped.add(reason, f"{self._path}!{shown(member.name)}")
        else:
            self.sizes[member.name] = member.size
            self._offsets[member.name] = member.offset_data

    def read(self, name: str) -> bytes:
        """The bytes of one member."""
        label = f"{self._path}!{name}"
        _check_member(self.sizes, name, label)
        with self._path.open("rb") as file:
            file.seek(self._offsets[name])
            data = file.read(self.sizes[name])
        if len(data) != self.sizes[name]:
            raise DrawingError("damaged member of an archive", label)
        return data


def open_archive(path: Path) -> Archive:
    """Open a ZIP or TAR file; the last few stay open. Raises `SourceError` where it cannot be."""
    try:
        stat = path.stat()
        # A forked process must not share the file position of its parent: one cache for each.
        return _opened(path, stat.st_mtime_ns, stat.st_size, os.getpid())
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}") from error


def open_nested(path: Path, name: str) -> Archive:
    """Open a ZIP that is a member of another archive; the last few stay in memory.

    Raises `SourceError` where an archive and `DrawingError` where the member cannot be read.
    """
    try:
        stat = path.stat()
        return _opened_nested(path, name, stat.st_mtime_ns, stat.st_size, os.getpid())
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}") from error


def read(path: Path, member: tuple[str, ...]) -> bytes:
    """The bytes of a member, through one archive or two.

    Raises `SourceError` where an archive and `DrawingError` where the member cannot be read.
    """
    if len(member) > 2:
        raise DrawingError("archives nested too deeply", "!".join((str(path), *member)))
    archive = open_archive(path) if len(member) == 1 else open_nested(path, member[0])
    return archive.read(member[-1])


@lru_cache(maxsize=4)
def _opened(path: Path, mtime: int, size: int, pid: int) -> Archive:
    # By its start: `zipfile.is_zipfile` also takes a TAR whose last member is a ZIP.
    with path.open("rb") as file:
        is_zip = file.read(2) == b"PK"
    if is_zip or path.suffix.lower() == ".zip":
        return ZipArchive(path, str(path))
    return TarArchive(path)


@lru_cache(maxsize=2)
def _opened_nested(path: Path, name: str, mtime: int, size: int, pid: int) -> Archive:
    return ZipArchive(io.BytesIO(open_archive(path).read(name)), f"{path}!{name}")


def _check_member(sizes: dict[str, int], name: str, label: str) -> None:
    if name not in sizes:
        raise DrawingError("no such member of an archive", label)
    if sizes[name] > MEMBER_LIMIT:
        raise DrawingError(
            "member of an archive over the size limit",
            f"{label} unpacks to {sizes[name]:,} bytes, the limit is {MEMBER_LIMIT:,}",
        )


def _distrust(name: str) -> str | None:
    """Why a name in an archive is not to be trusted; None for an honest one."""
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return "name that is not UTF-8"
    parts: Iterable[str] = name.replace("\\", "/").split("/")
    if not name or name.startswith(("/", "\\")) or ".." in parts or ":" in name or "\0" in name:
        return "unsafe name in an archive"
    return None


def _ends_in_zeros(file: io.BufferedReader, offset: int) -> bool:
    """Whether a TAR ends as it should: tarfile takes a damaged header for the end as well."""
    file.seek(offset)
    return file.read(512) == bytes(512)
