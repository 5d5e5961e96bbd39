"""US design grants as the USPTO publishes them.

A *grant* is a folder or a ZIP file ``USD0907292-20210105`` with the grant's XML and its drawing
sheets (``USD0907292-20210105-D00001.TIF``). The source may be one grant, a folder that holds
grants at any depth, or a week: a TAR or ZIP file with one ZIP file for each grant, which is read
in place.
"""

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from edgepatent_runtime import dates, locarno
from edgepatent_runtime.errors import DrawingError, SourceError
from edgepatent_runtime.patent_id import canonical, is_front_page, parse_sheet
from edgepatent_runtime.record import ImageRef, Record, Skipped
from edgepatent_runtime.sources import archive, figure_text, grant_xml
from edgepatent_runtime.sources.folder import is_file, shown
from edgepatent_runtime.unusable import survived

_GRANT_NAME = re.compile(r"USD[0-9]{6,8}-[0-9]{8}", re.IGNORECASE | re.ASCII)
_OTHER_GRANT = re.compile(r"US(?!D)[A-Z]*[0-9]{5,8}-[0-9]{8}", re.IGNORECASE | re.ASCII)
_WEEK_NAME = re.compile(r"I20[0-9]{6}(?:\.(?:tar|zip))?", re.IGNORECASE | re.ASCII)
_DRAWING_SUFFIXES = (".tif", ".tiff", ".png")
_XML_LIMIT = 32 << 20


class _Grant(NamedTuple):
    """The files of one grant, wherever they lie: names, and how to get at them."""

    label: str
    names: list[str]
    read: Callable[[str], bytes]
    ref: Callable[[str], ImageRef]


class GrantSource:
    """Records of the drawing sheets of grants, one for each sheet.

    The figure and its view are known where a grant has as many figures as sheets. A grant without
    a Locarno code keeps its drawings, without labels.
    """

    # What it holds are whole sheets, with several figures now and then.
    sheets = True

    def __init__(self, path: Path, spec: str) -> None:
        self.spec = spec
        self._path = path
        self.root = str(path if path.is_dir() else path.parent)

    def records(self, skipped: Skipped) -> Iterator[Record]:
        """All drawings, grant by grant in the order of their names.

        Raises `SourceError` where there is no grant at all.
        """
        found = False
        seen: set[str] = set()
        for grant in self._grants(self._path, frozenset(), skipped):
            found = True
            with survived(skipped, grant.label):
                yield from _records(grant, seen, skipped)
        if not found and not len(skipped):
            raise SourceError(f"{self._path} holds no design grant (a folder or ZIP with its XML)")

    def _grants(self, path: Path, above: frozenset[str], skipped: Skipped) -> Iterator[_Grant]:
        """The grants in an archive, or in a folder and below; ``above`` are the folders around."""
        if path.is_file():
            yield from _in_archive(path, skipped)
            return
        try:
            entries = sorted(os.scandir(path), key=lambda entry: entry.name)
        except OSError as error:
            skipped.add("folder that cannot be read", error)
            return
        real = os.path.realpath(path)
        if real in above:
            skipped.add("link back to a folder around it", shown(path))
            return
        files = [Path(entry.path) for entry in entries if is_file(entry)]
        if _GRANT_NAME.fullmatch(path.name) or any(map(_is_grant_xml, files)):
            yield _in_folder(path, files, skipped)
            return
        for entry in entries:
            if not is_file(entry) and Path(entry.path).is_dir():
                if _OTHER_GRANT.fullmatch(entry.name):
                    skipped.add("grant that is no design", shown(entry.path))
                else:
                    yield from self._grants(Path(entry.path), above | {real}, skipped)
            elif entry.name.startswith("."):
                skipped.add("hidden file or folder", shown(entry.path))
            elif not entry.name.lower().endswith(archive.SUFFIXES):
                skipped.add("file outside a grant", shown(entry.path))
            elif _OTHER_GRANT.fullmatch(Path(entry.name).stem):
                skipped.add("grant that is no design", shown(entry.path))
            else:
                try:
                    yield from _in_archive(Path(entry.path), skipped)
                except SourceError as error:
                    skipped.add("damaged archive", error)


def looks_like_grants(path: Path) -> bool:
    """Whether a folder is a grant, or one that holds grants or weeks of them, by its names."""
    if _GRANT_NAME.fullmatch(path.name):
        return True
    with os.scandir(path) as entries:
        return any(
            (
                _GRANT_NAME.fullmatch(Path(entry.name).stem)
                and (entry.is_dir() or entry.name.lower().endswith((".xml", ".zip")))
            )
            or _WEEK_NAME.fullmatch(entry.name)
            or (entry.name == "DESIGN" and entry.is_dir())
            for entry in entries
        )


def _is_grant_xml(path: Path) -> bool:
    return path.suffix.lower() == ".xml" and path.stem.upper().startswith("USD")


def _in_folder(folder: Path, files: list[Path], skipped: Skipped) -> _Grant:
    names = []
    for file in files:
        if shown(file) == str(file):
            names.append(file.name)
        else:
            skipped.add("name that is not UTF-8", shown(file))
    return _Grant(
        label=shown(folder),
        names=names,
        read=lambda name: (folder / name).read_bytes(),
        ref=lambda name: ImageRef(str(folder / name)),
    )


def _in_archive(path: Path, skipped: Skipped) -> Iterator[_Grant]:
    """The grants in an archive: nested ZIP files, folders, or the archive is one itself."""
    opened = archive.open_archive(path)
    skipped.merge(opened.skipped)
    folders: dict[str, list[str]] = {}
    for name in sorted(opened.sizes):
        inner = PurePosixPath(name)
        if _OTHER_GRANT.fullmatch(inner.stem) and inner.suffix.lower() == ".zip":
            skipped.add("grant that is no design", f"{path}!{name}")
        elif inner.suffix.lower() == ".zip":
            try:
                nested = archive.open_nested(path, name)
            except (SourceError, DrawingError) as error:
                skipped.add("damaged archive", error)
                continue
            skipped.merge(nested.skipped)
            yield _of_members(path, (name,), nested, sorted(nested.sizes))
        else:
            folders.setdefault(str(inner.parent), []).append(name)
    for folder, names in folders.items():
        if _GRANT_NAME.fullmatch(PurePosixPath(folder).name) or any(
            name.lower().endswith(".xml") for name in names
        ):
            yield _of_members(path, (), opened, names)
        else:
            for name in names:
                skipped.add("file outside a grant", f"{path}!{name}")


def _of_members(
    path: Path, outer: tuple[str, ...], opened: archive.Archive, names: list[str]
) -> _Grant:
    by_name = {PurePosixPath(name).name: name for name in names}
    return _Grant(
        label="!".join((str(path), *outer)),
        names=list(by_name),
        read=lambda name: opened.read(by_name[name]),
        ref=lambda name: ImageRef(str(path), (*outer, by_name[name])),
    )


def _records(grant: _Grant, seen: set[str], skipped: Skipped) -> Iterator[Record]:
    drawings = sorted(n for n in grant.names if n.lower().endswith(_DRAWING_SUFFIXES))
    xml = _read_xml(grant)
    if not xml.number.upper().startswith("D"):
        skipped.add("grant that is no design", grant.label)
        return
    patent = canonical("US" + xml.number)
    if patent in seen:
        skipped.add("duplicate grant", grant.label)
        return
    seen.add(patent)
    sheets = []
    for name in drawings:
        if is_front_page(name):
            skipped.add("front-page copy", f"{grant.label}/{name}")
        else:
            sheets.append(name)
    present = {name.upper() for name in drawings}
    for name in xml.drawings:
        if name.upper() not in present:
            skipped.add("drawing named in the XML is missing", f"{grant.label}/{name}")

    code = locarno.parse(xml.locarno)
    klass, subclass = locarno.labels(code)
    views = figure_text.views(xml.description)
    listed = [n for n in xml.drawings if not is_front_page(n)] or sheets
    figures = dict(_figure_of_sheets(listed, views))
    for name in sheets:
        figure = figures.get(name.upper())
        yield Record(
            image=grant.ref(name),
            patent_id=patent,
            locarno=code,
            klass=klass,
            subclass=subclass,
            figure=figure,
            view=views[figure] if figure else None,
            title=xml.title or None,
            date=dates.parse(xml.date),
            text=xml.description or None,
            bibliography=xml.bibliography,
        )


def _read_xml(grant: _Grant) -> grant_xml.GrantXml:
    names = [name for name in grant.names if name.lower().endswith(".xml")]
    if not names:
        raise DrawingError("grant without XML", grant.label)
    # A grant may bring sequence listings or a table of contents; its own XML has its name.
    name = min(names, key=lambda name: (not name.upper().startswith("USD"), name))
    data = grant.read(name)
    if len(data) > _XML_LIMIT:
        raise DrawingError("grant XML over the size limit", f"{grant.label}/{name}")
    return grant_xml.parse(data, f"{grant.label}/{name}")


def _figure_of_sheets(sheets: list[str], views: dict[str, str | None]) -> Iterator[tuple[str, str]]:
    """Sheet file → figure number, where there is one figure a sheet; nothing otherwise."""
    if len(sheets) != len(views):
        return
    for name, figure in zip(sorted(sheets, key=_sheet_number), views, strict=True):
        yield name.upper(), figure


def _sheet_number(name: str) -> int:
    sheet = parse_sheet(name)
    return sheet.sheet if sheet else 0
