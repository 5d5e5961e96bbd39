"""The parts of DeepPatent2, joined and unpacked without a joined copy.

``2019.aa, 2019.ab, …`` are one ZIP file cut in pieces; in it lie the JSON files of the year,
``Original.tar.gz`` (whole sheets) and ``Segmented.tar.gz`` (figures). They are unpacked as a
stream into::

    DIR/2019/design2019.json
    DIR/2019/original/USD0836880-20190101/USD0836880-20190101-D00001.png
    DIR/2019/segmented/USD0836880-20190101/USD0836880-20190101-D00001_1.png

Of a member's name only the last part counts, and only plain letters, digits, ``-``, ``_`` and
``.`` are accepted in it: nothing can be written outside these folders. Links, devices and other
files are counted and left out. A file takes its name when it is complete; what is complete is not
written again, so an unpacking that was stopped goes on where it was.

Limits: an image of at most `IMAGE_LIMIT` bytes, a JSON file of at most `DESCRIPTION_LIMIT`, and an
archive that unpacks to at most `MOST_EXPANSION` times its size (images hardly shrink, so that any
more is a bomb).
"""

import errno
import gzip
import io
import re
import shutil
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import IO, Literal, NamedTuple

from edgepatent_runtime.errors import InputError, SourceError
from edgepatent_runtime.patent_id import parse_sheet
from edgepatent_runtime.progress import Progress
from edgepatent_runtime.record import Skipped
from edgepatent_runtime.sources.deeppatent2 import DESCRIPTION, PART
from edgepatent_runtime.sources.folder import shown

IMAGE_LIMIT = 64 << 20
DESCRIPTION_LIMIT = 4 << 30
MOST_EXPANSION = 20
KEEP_FREE = 256 << 20
_COPY = 1 << 20
_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}\.(?:png|jpe?g|tiff?)", re.IGNORECASE)
_DAMAGE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    gzip.BadGzipFile,
    zlib.error,
    struct.error,
    EOFError,
    ValueError,
    RuntimeError,
)

Contents = Literal["both", "segmented", "sheets"]
_FOLDERS = {"original": "sheets", "segmented": "segmented"}


class Year(NamedTuple):
    """The parts of one year's ZIP file, in order."""

    name: str
    parts: tuple[Path, ...]


class Unpacked(NamedTuple):
    """What was done: images written, and images that had been there before."""

    written: int
    present: int


def find_years(folder: Path) -> list[Year]:
    """The years whose parts lie in ``folder`` or in a folder of it.

    Raises `SourceError` where there are none or a part is missing between two others.
    """
    parts: dict[str, list[Path]] = {}
    for path in sorted([*folder.glob("20*.*"), *folder.glob("*/20*.*")]):
        if (match := PART.fullmatch(path.name)) and path.is_file():
            parts.setdefault(match["year"], []).append(path)
    if not parts:
        raise SourceError(
            f"{folder} holds no part of DeepPatent2 (2007.aa, 2007.ab, …): the data page of the "
            "documentation says where they are"
        )
    return [_checked(year, files) for year, files in sorted(parts.items())]


def space_needed(folder: Path, year: Year, contents: Contents) -> int:
    """About how many bytes the year will take on the disk besides what is there already.

    Images hardly shrink in a .tar.gz; a tenth is added for the blocks that they do not fill.
    Raises `SourceError` where the archive is damaged.
    """
    target = folder / year.name
    try:
        with _zip(year) as joined:
            todo = _todo(joined.infolist(), target, contents)
    except _DAMAGE as error:
        raise SourceError(_damaged(year, error)) from error
    there = sum(
        file.stat().st_size
        for name in {_folder_of(info) for info in todo}
        for file in (target / str(name)).rglob("*")
        if file.is_file()
    )
    return max(0, int(1.1 * sum(info.file_size for info in todo)) - there)


def unpack(
    folder: Path,
    year: Year,
    contents: Contents,
    skipped: Skipped,
    progress: Progress,
) -> Unpacked:
    """Unpack one year below ``folder``.

    Raises `SourceError` where the archive is damaged, cut short or a bomb (what came before stays
    and counts), `InputError` where the disk is full or would be.
    """
    target = folder / year.name
    try:
        with _zip(year) as joined:
            return _unpack_year(joined, target, contents, skipped, progress)
    except _DAMAGE as error:
        raise SourceError(_damaged(year, error)) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise InputError(_disk_full(target)) from error
        raise


def _checked(year: str, files: Sequence[Path]) -> Year:
    names = sorted(file.name for file in files)
    expected = [f"{year}.{chr(97 + n // 26)}{chr(97 + n % 26)}" for n in range(len(names))]
    if names != expected:
        wrong = next(name for name, want in zip(names, expected, strict=True) if name != want)
        missing = next(want for name, want in zip(names, expected, strict=True) if name != want)
        raise SourceError(
            f"{missing} is missing, or there twice: after it comes {wrong}; fetch it again"
        )
    return Year(year, tuple(sorted(files, key=lambda file: file.name)))


def _unpack_year(
    joined: zipfile.ZipFile,
    target: Path,
    contents: Contents,
    skipped: Skipped,
    progress: Progress,
) -> Unpacked:
    target.mkdir(parents=True, exist_ok=True)
    members = [info for info in joined.infolist() if not info.is_dir()]
    todo = _todo(members, target, contents)
    written = present = 0
    for info in members:
        name = PurePosixPath(info.filename.replace("\\", "/")).name
        if DESCRIPTION.fullmatch(name):
            if info.file_size > DESCRIPTION_LIMIT:
                skipped.add("JSON over the size limit", f"{target.name}: {name}")
            elif not _is_there(target / name, info.file_size):
                with joined.open(info) as member:
                    _write(member, target / name, info.file_size)
        elif _folder_of(info) is None:
            skipped.add("unknown member of the ZIP", f"{target.name}: {shown(info.filename)}")
        elif info in todo:
            with joined.open(info) as member:
                one = _unpack_tar(member, info, target, skipped, progress)
            written, present = written + one.written, present + one.present
            _marker(info, target).write_text(f"{info.CRC:08x} {info.file_size}\n")
    return Unpacked(written, present)


def _folder_of(info: zipfile.ZipInfo) -> str | None:
    """Where the images of a member go: "original" or "segmented"; None for other members."""
    name = info.filename.replace("\\", "/").rpartition("/")[2].lower()
    if not name.endswith((".tar.gz", ".tgz")):
        return None
    return next((folder for folder in _FOLDERS if name.startswith(folder[:7])), None)


def _todo(
    members: Sequence[zipfile.ZipInfo], target: Path, contents: Contents
) -> list[zipfile.ZipInfo]:
    """The archives of images that are wanted and have not been unpacked to their end."""
    return [
        info
        for info in members
        if (folder := _folder_of(info))
        and contents in ("both", _FOLDERS[folder])
        and not _marker(info, target).is_file()
    ]


def _marker(info: zipfile.ZipInfo, target: Path) -> Path:
    return target / f".{_folder_of(info)}.{info.CRC:08x}.done"


def _unpack_tar(
    member: IO[bytes],
    info: zipfile.ZipInfo,
    target: Path,
    skipped: Skipped,
    progress: Progress,
) -> Unpacked:
    folder = target / (_folder_of(info) or "")
    task = f"unpacking {target.name}/{folder.name}"
    stream = _Bounded(gzip.GzipFile(fileobj=member), MOST_EXPANSION * max(info.file_size, _COPY))
    written = present = 0
    with tarfile.open(fileobj=stream, mode="r|") as tar:
        for entry in _entries(tar):
            progress(task, member.tell(), info.file_size)
            name = PurePosixPath(entry.name.replace("\\", "/")).name
            if entry.isdir():
                continue
            if not entry.isreg() or entry.issparse():
                skipped.add("link or device in an archive", f"{task}: {shown(entry.name)}")
            elif not _SAFE_NAME.fullmatch(name):
                skipped.add("not an image", f"{task}: {shown(entry.name)}")
            elif entry.size > IMAGE_LIMIT:
                skipped.add("image over the size limit", f"{task}: {name}")
            elif _is_there(file := folder / _patent_folder(name) / name, entry.size):
                present += 1
            else:
                source = tar.extractfile(entry)
                assert source is not None
                _write(source, file, entry.size)
                written += 1
                if written % 1000 == 0 and shutil.disk_usage(target).free < KEEP_FREE:
                    raise InputError(_disk_full(target))
    while stream.read(_COPY):  # to the checksum at the end
        pass
    return Unpacked(written, present)


def _entries(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """The members of a TAR that is read as a stream, without remembering those gone by."""
    while entry := tar.next():
        yield entry
        tar.members = []  # type: ignore[attr-defined]


def _is_there(file: Path, size: int) -> bool:
    try:
        return file.stat().st_size == size
    except OSError:
        return False


def _write(source: IO[bytes], file: Path, size: int) -> None:
    """Copy at most ``size`` bytes; the file has its name when all of them are there."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f".{file.name}.part")
    try:
        with part.open("wb") as out:
            left = size
            while left and (data := source.read(min(left, _COPY))):
                out.write(data)
                left -= len(data)
        if left:
            raise EOFError(f"{file.name} ends early")
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)


def _zip(year: Year) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BufferedReader(_Joined(year.parts), _COPY))


def _damaged(year: Year, error: Exception) -> str:
    return (
        f"{year.name} is damaged or cut short ({error}): is {year.parts[-1].name} the last part, "
        f"and are all {len(year.parts)} whole? Fetch them again and repeat"
    )


def _disk_full(target: Path) -> str:
    return f"the disk of {target} is full: make room and repeat, it goes on where it stopped"


def _patent_folder(name: str) -> str:
    """Where an image goes: a folder for each patent, as a year holds 300,000 images."""
    return name.partition("-D")[0] if parse_sheet(name) else "other"


class _Bounded(io.BufferedIOBase):
    """A stream of at most ``most`` bytes. Raises `SourceError` where there are more."""

    def __init__(self, file: gzip.GzipFile, most: int) -> None:
        self._file = file
        self._left = most

    def read(self, size: int | None = -1) -> bytes:
        """Up to ``size`` bytes."""
        data = self._file.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise SourceError(
                f"an archive unpacks to more than {MOST_EXPANSION} times its size: no images are "
                "like that; fetch it again from its publisher"
            )
        return data


class _Joined(io.RawIOBase):
    """Files read one after the other as one, at any position."""

    def __init__(self, parts: Sequence[Path]) -> None:
        self._parts = parts
        self._starts = [0]
        for part in parts:
            self._starts.append(self._starts[-1] + part.stat().st_size)
        self._position = 0
        self._open: tuple[int, IO[bytes]] | None = None

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def tell(self) -> int:
        """The position in the whole."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to a position in the whole."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._starts[-1]}[whence]
        if base + offset < 0:
            raise ValueError("position before the start")
        self._position = base + offset
        return self._position

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]
        """Read up to the end of the part at the position."""
        number = next((n for n, end in enumerate(self._starts[1:]) if self._position < end), None)
        if number is None:
            return 0
        if self._open is None or self._open[0] != number:
            self.close_part()
            self._open = number, self._parts[number].open("rb")
        file = self._open[1]
        file.seek(self._position - self._starts[number])
        data = file.read(len(buffer))
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)

    def close_part(self) -> None:
        """Close the part that is open."""
        if self._open is not None:
            self._open[1].close()
            self._open = None

    def close(self) -> None:
        """Close everything."""
        self.close_part()
        super().close()
