"""Any folder of drawings, by the ImageFolder convention.

``metadata.csv`` or ``metadata.jsonl`` in a folder describes the drawings in it and below, one row
a file: ``file_name`` (relative to that folder), ``patent_id`` and, where known, ``locarno``,
``class``, ``subclass`` (a taxonomy of its own, stronger than what the Locarno code gives),
``figure``, ``view``, ``title``, ``date``, ``text`` and what `columns` names. Without it the file's
name tells the patent if the USPTO gave it (``USD0871717-20200107-D00002.png``), else the folder
that the file lies in.
"""

import csv
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import msgspec

from edgepatent_runtime import dates, drawing, locarno
from edgepatent_runtime.errors import DrawingError, EdgepatentError, SourceError
from edgepatent_runtime.patent_id import canonical, is_front_page, parse_sheet
from edgepatent_runtime.record import ImageRef, Record, Skipped
from edgepatent_runtime.sources import columns
from edgepatent_runtime.unusable import survived

SUFFIXES = frozenset(
    (".png", ".jpg", ".jpeg", ".jpe", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".pdf")
)
METADATA = ("metadata.csv", "metadata.jsonl")
# So many folders up metadata are looked for.
_ABOVE = 4

Row = Mapping[str, str]


class FolderSource:
    """Records of the drawings in a folder, or of one image file; a page of a TIFF is a drawing.

    Rows come in their own order, files without metadata in the order of their names.
    """

    def __init__(self, path: Path, spec: str) -> None:
        self.spec = spec
        self._path = path
        self.described_by = _metadata_above(path)
        """The metadata file of a folder around this one that describes what lies in it."""

        # As if the folder that is described had been named: its files are the same files then.
        top = self.described_by.parent if self.described_by else path
        self.root = str(top if top.is_dir() else top.parent)

    def records(self, skipped: Skipped) -> Iterator[Record]:
        """Stream the records. Raises `SourceError` where there is no file to look at."""
        if not _is_text(str(self._path)):
            raise SourceError(f"the name {shown(self._path)} is not UTF-8: rename it")
        if not self._path.is_dir():
            yield from _records_of_file(self._path, {}, skipped)
            return
        found = False
        for record in self._records(skipped):
            found = True
            yield record
        if not found and not len(skipped):
            raise SourceError(f"{self.spec} holds no drawings")

    def _records(self, skipped: Skipped) -> Iterator[Record]:
        if self.described_by is None:
            return _records_in(self._path, frozenset(), skipped)
        top = self.described_by.parent
        return _described(top, self.described_by, skipped, below=_inside(self._path, top))


def _metadata_above(path: Path) -> Path | None:
    """The metadata of a folder around the folder ``path`` that name a file in it.

    None where the folder has metadata of its own, or none around it speak of it.
    """
    if not path.is_dir() or any((path / name).is_file() for name in METADATA):
        return None
    full = path.absolute()
    for folder in full.parents[:_ABOVE]:
        for name in METADATA:
            metadata = folder / name
            if metadata.is_file() and _speaks_of(metadata, _inside(full, folder)):
                return metadata
    return None


def _inside(path: Path, top: Path) -> str:
    """The path of a folder inside another, as rows begin that name what lies in it."""
    return os.path.relpath(path.absolute(), top.absolute()) + os.sep


def _speaks_of(metadata: Path, below: str) -> bool:
    try:
        rows = _rows_of(metadata)(metadata, Skipped())
        return any(os.path.normpath(row.get("file_name", "")).startswith(below) for _, row in rows)
    except SourceError:
        return False


def _rows_of(metadata: Path) -> Callable[[Path, Skipped], Iterator[tuple[int, Row]]]:
    return _csv_rows if metadata.suffix == ".csv" else _jsonl_rows


def _records_in(folder: Path, above: frozenset[str], skipped: Skipped) -> Iterator[Record]:
    """The drawings in a folder and below. ``above`` are the real paths of the folders around it."""
    try:
        real = os.path.realpath(folder)
        if real in above:
            skipped.add("link back to a folder around it", shown(folder))
            return
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        skipped.add("folder that cannot be read", error)
        return
    above |= {real}
    metadata = [entry.name for entry in entries if entry.name in METADATA and is_file(entry)]
    if metadata:
        for other in metadata[1:]:
            skipped.add("second metadata file", shown(folder / other))
        try:
            yield from _described(folder, folder / metadata[0], skipped)
        except SourceError as error:
            if len(above) == 1:
                raise
            skipped.add("metadata that cannot be read", error)
        return
    for entry in entries:
        with survived(skipped, shown(folder / entry.name)):
            yield from _records_of_entry(entry, folder / entry.name, above, skipped)


def _records_of_entry(
    entry: os.DirEntry[str], path: Path, above: frozenset[str], skipped: Skipped
) -> Iterator[Record]:
    if not _is_text(entry.name):
        skipped.add("name that is not UTF-8", shown(path))
    elif _is_hidden(entry.name):
        skipped.add("hidden file or folder", path)
    elif entry.is_dir():
        yield from _records_in(path, above, skipped)
    elif not entry.is_file():
        skipped.add("not a regular file", path)
    elif path.suffix.lower() not in SUFFIXES:
        skipped.add("not an image", path)
    else:
        yield from _records_of_file(path, {}, skipped)


def _described(folder: Path, metadata: Path, skipped: Skipped, below: str = "") -> Iterator[Record]:
    """The drawings that a metadata file lists; the others below its folder are counted.

    Only those whose names begin with ``below``, a folder in it.
    """
    listed: set[str] = set()
    for number, row in _rows_of(metadata)(metadata, skipped):
        name = row.get("file_name", "")
        where = f"{shown(metadata)}, row {number}"
        if not name:
            skipped.add("metadata row without file_name", where)
            continue
        if not _is_text(name):
            skipped.add("name that is not UTF-8", where)
            continue
        inner = os.path.normpath(name)
        if not inner.startswith(below):
            continue
        if Path(inner).is_absolute() or Path(inner).parts[:1] == (os.pardir,):
            skipped.add("metadata row that leads out of its folder", f"{where}: {name}")
        elif inner in listed:
            skipped.add("duplicate metadata row", f"{where}: {name}")
        else:
            listed.add(inner)
            with survived(skipped, f"{where}: {shown(name)}"):
                yield from _records_of_file(folder / inner, row, skipped)
    _count_unlisted(folder, folder / below, listed, skipped)


def _count_unlisted(folder: Path, top: Path, listed: set[str], skipped: Skipped) -> None:
    """Count the images below ``top`` that the metadata of ``folder`` say nothing of."""
    for path, folders, files in os.walk(top):
        folders[:] = sorted(name for name in folders if not _is_hidden(name))
        for name in sorted(files):
            file = Path(path, name)
            if (
                file.suffix.lower() in SUFFIXES
                and not _is_hidden(name)
                and str(file.relative_to(folder)) not in listed
            ):
                skipped.add("image without a metadata row", shown(file))


def _csv_rows(path: Path, skipped: Skipped) -> Iterator[tuple[int, Row]]:
    """Numbered rows of a CSV file, damaged ones counted; row 1 is the header."""
    # Bytes that are not UTF-8 are kept for the moment: only a file name must be true to them.
    try:
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            reader = csv.reader(file)
            header = [name.strip().lower() for name in next(reader, [])]
            if "file_name" not in header:
                raise SourceError(f"{path} has no column file_name")
            while True:
                try:
                    values = next(reader)
                except StopIteration:
                    return
                except csv.Error as error:
                    skipped.add("damaged metadata row", f"{path}, line {reader.line_num}: {error}")
                    continue
                if values:
                    yield reader.line_num, _cleaned(dict(zip(header, values, strict=False)))
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error}") from error


def _jsonl_rows(path: Path, skipped: Skipped) -> Iterator[tuple[int, Row]]:
    """Numbered rows of a file of JSON objects, one a line, damaged ones counted."""
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                try:
                    values = msgspec.json.decode(line, type=dict[str, object])
                except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                    skipped.add("damaged metadata row", f"{path}, line {number}: {error}")
                    continue
                yield (
                    number,
                    _cleaned({k: _text(v) for k, v in values.items() if v is not None}),
                )
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error}") from error


def _text(value: object) -> str:
    """A value of JSON as a cell of CSV would have it."""
    return "; ".join(map(str, value)) if isinstance(value, list) else str(value)


def _cleaned(row: dict[str, str]) -> Row:
    return {
        key.strip().lower(): value.strip() if key == "file_name" else shown(value.strip())
        for key, value in row.items()
    }


def _records_of_file(path: Path, row: Row, skipped: Skipped) -> Iterator[Record]:
    """A record for each page of one file; none, and a reason, where it is no drawing."""
    suffix = path.suffix.lower()
    if is_front_page(path.name):
        skipped.add("front-page copy", path)
        return
    try:
        if suffix == ".pdf":
            yield from _records_of_pdf(path, row, skipped)
            return
        if row and not path.is_file():
            raise DrawingError("file not found", str(path))
        # One look inside where a file may hold several drawings, or something else altogether.
        pages = 1 if suffix in SUFFIXES - {".tif", ".tiff"} else drawing.pages(path)
    except EdgepatentError as error:
        skipped.add(getattr(error, "reason", str(error)), path)
        return
    for page in range(pages):
        yield _record(ImageRef(str(path), page=page), path, row)


def _records_of_pdf(path: Path, row: Row, skipped: Skipped) -> Iterator[Record]:
    from edgepatent_runtime.sources.pdf import PdfSource

    for record in PdfSource(path, str(path)).records(skipped):
        yield _record(record.image, path, row) if row else record


def _record(image: ImageRef, path: Path, row: Row) -> Record:
    sheet = parse_sheet(path.name)
    patent = row.get("patent_id") or (sheet.patent_id if sheet else path.absolute().parent.name)
    code = locarno.parse(row.get("locarno"))
    klass, subclass = locarno.labels(code)
    return Record(
        image=image,
        patent_id=canonical(patent),
        locarno=code,
        klass=row.get("class") or klass,
        subclass=row.get("subclass") or subclass,
        figure=row.get("figure") or None,
        view=row.get("view") or None,
        title=row.get("title") or None,
        date=dates.parse(row.get("date") or (sheet.date if sheet else None)),
        text=row.get("text") or None,
        bibliography=columns.read(row),
    )


def shown(name: Path | str) -> str:
    """A name as text that can be printed and stored, whatever bytes it is made of."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def is_file(entry: os.DirEntry[str]) -> bool:
    """Whether it is a regular file; a link that leads nowhere, or to itself, is none."""
    try:
        return entry.is_file()
    except OSError:
        return False


def _is_text(name: str) -> bool:
    return not any("\udc80" <= letter <= "\udcff" for letter in name)


def _is_hidden(name: str) -> bool:
    return name.startswith((".", "__MACOSX"))
