"""DeepPatent2: 2.7 million figures of US design patents, 2007 to 2020, with captions.

Ajayi, Wei, Gryder, Shields, Wu, Jones, Kucer, Oyen: DeepPatent2: A Large-Scale Benchmarking
Corpus for Technical Drawing Understanding, Scientific Data 10, 772 (2023).

A year comes as parts ``2019.aa, 2019.ab, …`` of one ZIP file (see `deeppatent2_unpack`); what
counts here is what lies unpacked on disk: one JSON array a year, an object for each figure, and
the images, in folders that differ from year to year and are therefore found by the images' names.
Any field may be missing and numbers may be strings.
"""

import os
import re
from collections import OrderedDict
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, Literal, NamedTuple

from edgepatent_runtime import dates, locarno, uspc
from edgepatent_runtime.errors import SourceError
from edgepatent_runtime.patent_id import SheetName, canonical, is_front_page, parse_sheet
from edgepatent_runtime.record import NO_BIBLIOGRAPHY, Bibliography, ImageRef, Record, Skipped
from edgepatent_runtime.sources import json_stream
from edgepatent_runtime.sources.figure_text import view_words, views

Figures = Literal["segmented", "sheets"]
DESCRIPTION = re.compile(
    r"(?P<kind>design|segmentation)_?(?P<year>20[0-9]{2})(?P<part>part[0-9]+)?\.json"
)
PART = re.compile(r"(?P<year>20[0-9]{2})\.(?P<part>[a-z]{2})")
_PATENT_FOLDER = re.compile(r"USD[0-9]{7}(?:-[0-9]{8})?")
# Duplicates stand near each other; remembering all names would cost memory that grows with a year.
_REMEMBERED = 1 << 13
_NAME_OF_FIELD = {"segmented": "subfigure_file", "sheets": "figure_file"}


class DeepPatent2Source:
    """Records of DeepPatent2: segmented figures, or whole sheets.

    Memory grows neither with the records nor with the patents.
    """

    def __init__(self, path: Path, spec: str, figures: Figures = "segmented") -> None:
        self.spec = spec
        # Whole sheets, with several figures now and then.
        self.sheets = figures == "sheets"
        self.root = str(path)
        self._path = path
        self._figures = figures

    def records(self, skipped: Skipped) -> Iterator[Record]:
        """All figures or sheets, year by year in the order of the JSON files.

        Raises `SourceError` where there is no JSON file of DeepPatent2.
        """
        images = _Images(self._path, skipped)
        descriptions = _choose(images.descriptions)
        if not descriptions:
            raise SourceError(
                f"{self._path} holds no designYYYY.json of DeepPatent2; if it holds the parts "
                f"(2019.aa, 2019.ab, …) unpack them: edgepatent data deeppatent2 {self._path}"
            )
        recent: OrderedDict[str, None] = OrderedDict()
        for description in descriptions:
            for figure in self._figures_of(description, skipped):
                if figure.image in recent:
                    skipped.add("duplicate drawing", figure.image)
                    continue
                recent[figure.image] = None
                if len(recent) > _REMEMBERED:
                    recent.popitem(last=False)
                file = images.find(figure.image)
                if file is None:
                    skipped.add("file not found", figure.image)
                elif is_front_page(figure.image):
                    skipped.add("front-page copy", file)
                else:
                    yield _record(figure, file)

    def _figures_of(self, file: Path, skipped: Skipped) -> Iterator["_Figure"]:
        """What one JSON file describes, as far as it can be read."""
        figures = _figures(file, _NAME_OF_FIELD[self._figures], skipped)
        if self._figures == "segmented":
            yield from figures
            return
        for _, group in groupby(figures, key=lambda figure: figure.image):
            first, *others = group
            # A sheet with several figures has no figure number and no view of its own.
            yield first._replace(figure=None, view=None) if others else first


class _Figure(NamedTuple):
    """The usable fields of one object; ``image`` is a base name."""

    image: str
    patent_id: str
    locarno: str | None
    figure: str | None
    view: str | None
    title: str | None
    date: str | None
    text: str | None
    uspc: tuple[str, ...]


def open_deeppatent2(spec: str) -> DeepPatent2Source:
    """The source of ``deeppatent2:DIR[,figures=segmented|sheets]``.

    Raises `SourceError` where the spec is malformed or DIR no folder.
    """
    folder, _, figures = spec.removeprefix("deeppatent2:").partition(",figures=")
    path = Path(folder)
    if not path.is_dir():
        raise SourceError(f"{spec}: {folder} is no folder")
    if figures not in ("", "segmented", "sheets"):
        raise SourceError(f"{spec}: write deeppatent2:DIR,figures=segmented or ,figures=sheets")
    return DeepPatent2Source(path, spec, "sheets" if figures == "sheets" else "segmented")


def looks_like_deeppatent2(path: Path) -> bool:
    """Whether a folder, or a year's folder in it, holds a JSON file or a part of DeepPatent2."""
    folders = [path]
    for folder in folders:
        with os.scandir(folder) as entries:
            for entry in entries:
                if DESCRIPTION.fullmatch(entry.name) or PART.fullmatch(entry.name):
                    return True
                if folder is path and re.fullmatch("20[0-9]{2}", entry.name) and entry.is_dir():
                    folders.append(Path(entry.path))
    return False


def _choose(files: list[Path]) -> list[Path]:
    """The JSON files to read, one for each year and part."""
    chosen: dict[tuple[str, str], Path] = {}
    for file in sorted(files, key=lambda file: (file.name, str(file))):
        # "design…" sorts before "segmentation…", which says the same where a year has both.
        if match := DESCRIPTION.fullmatch(file.name):
            chosen.setdefault((match["year"], match["part"] or ""), file)
    return [chosen[key] for key in sorted(chosen)]


def _figures(file: Path, field: str, skipped: Skipped) -> Iterator[_Figure]:
    """The usable records of a JSON file; the others are counted."""
    try:
        with file.open(encoding="utf-8-sig", errors="replace") as text:
            for number, item in enumerate(json_stream.elements(text, str(file)), 1):
                label = f"{file}#{number}"
                if not isinstance(item, dict):
                    skipped.add("record that is no object", label)
                    continue
                name = _text(item, field).replace("\\", "/").rpartition("/")[2]
                if not name or "\0" in name:
                    skipped.add("record without an image", label)
                    continue
                sheet = parse_sheet(name)
                patent = _text(item, "patentID") or (sheet.patent_id if sheet else "")
                if not patent:
                    skipped.add("record without a patent id", label)
                    continue
                yield _figure(item, name, patent, sheet)
    except SourceError as error:
        skipped.add("damaged JSON", error)
    except OSError as error:
        skipped.add("file cannot be read", error)


def _figure(item: dict[str, Any], name: str, patent: str, sheet: SheetName | None) -> _Figure:
    caption = _text(item, "caption")
    number = re.sub(r"\.0$", "", _text(item, "figid"))
    view = view_words(_text(item, "aspect"))
    if view is None and caption:
        view = next(iter(views(caption).values()), None) or view_words(caption)
    return _Figure(
        image=name,
        patent_id=canonical(patent),
        locarno=locarno.parse(_text(item, "classification_locarno")),
        figure=number or None,
        view=view,
        title=_text(item, "object_title") or None,
        date=dates.parse(_text(item, "patentdate")) or dates.parse(sheet.date if sheet else None),
        text=caption or None,
        uspc=uspc.parse_all(_text(item, "classification_national")),
    )


def _text(item: dict[str, Any], field: str) -> str:
    """A field as text without white space around it; "" where there is nothing to read."""
    value = item.get(field)
    if isinstance(value, list):
        value = value[0] if value else None
    if value is None or isinstance(value, dict | list | bool):
        return ""
    # JSON can spell halves of surrogate pairs ("\ud800"), which nothing else can store.
    text = str(value).strip().encode("utf-8", "replace").decode()
    return "" if text in ("None", "nan", "NaN", "null") else text


def _record(figure: _Figure, file: Path) -> Record:
    klass, subclass = locarno.labels(figure.locarno)
    return Record(
        image=ImageRef(str(file)),
        patent_id=figure.patent_id,
        locarno=figure.locarno,
        klass=klass,
        subclass=subclass,
        figure=figure.figure,
        view=figure.view,
        title=figure.title,
        date=figure.date,
        text=figure.text,
        bibliography=Bibliography(uspc=figure.uspc) if figure.uspc else NO_BIBLIOGRAPHY,
    )


class _Images:
    """Finds images by base name, remembering few folders: never one for each patent or image.

    An image is looked for in folders named after its patent, wherever such folders lie, then in
    the others, the one that had the last answer first: a year lies in few of them, or in runs.
    ``descriptions`` are the JSON files that were met on the way.
    """

    def __init__(self, root: Path, skipped: Skipped) -> None:
        self.descriptions: list[Path] = []
        self._above_patents: list[str] = []
        self._others: list[str] = []
        folders = [str(root)]
        while folders:
            folder = folders.pop()
            try:
                folders.extend(self._look_into(folder))
            except OSError as error:
                skipped.add("folder that cannot be read", error)

    def _look_into(self, folder: str) -> list[str]:
        """Note what ``folder`` holds; the folders in it that are to be looked into."""
        inner: list[str] = []
        holds_patents = holds_files = False
        with os.scandir(folder) as entries:
            for entry in entries:
                # A link to a folder may lead in circles.
                if entry.is_dir(follow_symlinks=False):
                    if _PATENT_FOLDER.fullmatch(entry.name):
                        holds_patents = True
                    else:
                        inner.append(entry.path)
                elif DESCRIPTION.fullmatch(entry.name):
                    self.descriptions.append(Path(entry.path))
                else:
                    holds_files = True
        if holds_patents:
            self._above_patents.append(folder)
        if holds_files:
            self._others.append(folder)
        return inner

    def find(self, name: str) -> Path | None:
        """The file with that base name, None if there is none."""
        patent = name.partition("-D")[0]
        for place, folder in enumerate(self._above_patents):
            for file in (Path(folder, patent, name), Path(folder, patent[:10], name)):
                if file.is_file():
                    self._above_patents.insert(0, self._above_patents.pop(place))
                    return file
        for place, folder in enumerate(self._others):
            if (file := Path(folder, name)).is_file():
                self._others.insert(0, self._others.pop(place))
                return file
        return None
