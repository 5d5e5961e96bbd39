"""Query images read: which pages of a file are drawings, which figures of a sheet are meant."""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from edgepatent_runtime import drawing, figures
from edgepatent_runtime.errors import DrawingError, InputError
from edgepatent_runtime.search import looks
from edgepatent_runtime.search.request import Crop, Photo, Query
from edgepatent_runtime.search.results import PRODUCT, View
from edgepatent_runtime.search.views import WHOLE, Given

Page = npt.NDArray[np.uint8]
Source = Path | bytes | Page

AS_IT_IS = 0.35
"""What a photograph of a product counts beside its contours (benchmarks/product.md)."""

MOST_SHEETS = 12
"""So many drawing pages of a file, the first ones, are searched with: design patents have fewer."""

# A sheet of more figures is only taken whole, as it is when it is indexed.
_MOST_FIGURES = 40


class Sheet(NamedTuple):
    """A page of a file as a query that names it, and its pixels [H, W].

    ``taken`` is the photograph in which it lay, where it was laid flat.
    """

    query: Query
    page: Page
    taken: Page | None = None


class Part(msgspec.Struct, frozen=True, eq=False):
    """A part of a file with its pixels [H, W]; ``query`` means this part and nothing else.

    ``weight`` is what it counts beside the other parts of its page, which sum up to 1; ``of``
    names the sheet that it is a figure of, ``taken`` is the photograph that it was laid flat from.
    ``figure``: it was cut from a sheet that shows several. ``contours``: it was drawn from the
    photograph ``of`` a product.
    """

    query: Query
    page: Page
    weight: float = 1.0
    of: str | None = None
    taken: Page | None = None
    figure: bool = False
    contours: bool = False

    @property
    def name(self) -> str:
        """What people call it."""
        return f"{self.query}#contours" if self.contours else str(self.query)


def read(
    query: Query,
    size: int,
    given: Mapping[str, Given],
    *,
    anyway: bool = False,
    whole: bool = False,
    photo: Photo = "auto",
) -> list[View]:
    """Read a query image and normalise it to [size, size]: one view, or several.

    A file of several pages has a view for each that is a drawing, a sheet of several figures one
    for each beside its own, unless ``whole``. What looks like anything but a drawing is taken whole
    and called that in its view; ``anyway`` does not ask. A photograph of a product has a view as
    it is and one of its contours; ``photo`` says that it is one ("product"), or none ("paper", and
    "no", which looks for no sheet on a table either). Raises `DrawingError`, which names the query,
    for what holds nothing or cannot be read, `InputError` for a figure that is not there.
    """
    if query.path == "-" and "-" not in given:
        raise InputError("- stands for standard input: name a file, or give its bytes")
    found = given.get(query.path, Path(query.path))
    if isinstance(found, list):
        return found
    try:
        # Read once: what is decoded is what the digest is of.
        data = drawing.content(found) if isinstance(found, Path) else found
        source = np.asarray(data, np.uint8) if isinstance(data, np.ndarray) else data
        seen = list(_seen(source, query, size, anyway=anyway, whole=whole, photo=photo))
    except DrawingError as error:
        if query.path in error.detail:
            raise
        detail = f"{query} ({error.detail})" if error.detail else str(query)
        raise DrawingError(error.reason, detail) from error
    sha256 = hashlib.sha256(source.tobytes() if isinstance(source, np.ndarray) else source)
    return [
        View(
            name=part.name,
            sha256=sha256.hexdigest(),
            page=part.page,
            drawing=normal,
            weight=part.weight,
            of=part.of,
            looks=kind,
            taken=part.taken,
            contours=part.contours,
            emphasis=query.weight,
        )
        for part, normal, kind in seen
    ]


def _seen(
    source: Source, query: Query, size: int, *, anyway: bool, whole: bool, photo: Photo
) -> Iterator[tuple[Part, Page, str | None]]:
    """Each part that is searched with, normalised, and what it looks like but for a drawing."""
    if photo == "product":
        yield from _product(source, query, size)
        return
    others = set()
    for part in parts(source, query, whole=whole, paper=photo != "no"):
        if part.of in others:
            continue
        # First: what is too small to show anything looks like nothing.
        normal = drawing.normalise(part.page, size)
        kind = None
        if part.of is None and not anyway:
            assessed = looks.assess(part.page)
            taken_as = assessed.product and photo == "auto" and part.taken is None
            if taken_as and query.figure is None:
                others.add(str(part.query))
                yield from _product(source, part.query, size)
                continue
            kind = None if assessed.kind == "drawing" else looks.NAMES[assessed.kind]
        if part.figure:
            normal = drawing.beside(normal)
        if kind is not None:
            others.add(str(part.query))
            part = msgspec.structs.replace(part, weight=1.0)
        yield part, normal, kind


def _product(source: Source, query: Query, size: int) -> Iterator[tuple[Part, Page, str | None]]:
    """A photograph of a product as it is, and its contours: see `_seen`."""
    from edgepatent_runtime.drawing import product

    if isinstance(source, np.ndarray):
        photograph = source
    else:
        photograph = drawing.decode_as_taken(source, (query.page or 1) - 1)
    photograph = drawing.crop(photograph, query.crop)
    drawn = product.drawn(photograph)
    lines = drawn.contours.min() < 255
    taken = photograph if drawn.plain else None
    whole = Part(query, drawn.page, AS_IT_IS if lines else 1.0, taken=taken)
    yield whole, drawing.normalise(whole.page, size), PRODUCT
    if lines:
        part = Part(query, drawn.contours, 1 - AS_IT_IS, str(query), contours=True)
        yield part, drawing.normalise(part.page, size), None


def parts(
    source: Source, query: Query, *, whole: bool = False, paper: bool = True
) -> Iterator[Part]:
    """What of a file a query means: a crop, a figure, or its pages with their figures beside them.

    ``whole`` leaves the figures out, without ``paper`` no sheet on a table is laid flat. Captions
    are painted white in figures: they must not decide. Raises `DrawingError`, and `InputError` for
    a figure that is not there.
    """
    if query.figure is not None:
        yield _figure(source, query)
        return
    for sheet in pages(source, query, paper=paper):
        if query.crop is not None:
            yield _cropped(sheet, query.crop)
        elif whole:
            yield Part(sheet.query, sheet.page, taken=sheet.taken)
        else:
            yield from _taken_apart(sheet)


def pages(source: Source, query: Query, *, paper: bool = True) -> Iterator[Sheet]:
    """The pages of a file that a query means.

    That is the page it names, all of a file of one page, else every page that is a drawing (every
    page that is not blank, where none is), up to `MOST_SHEETS` (all where a figure is looked for),
    each as a query that names it. Without ``paper`` no sheet on a table is laid flat. Raises
    `DrawingError` for what cannot be read.
    """
    if isinstance(source, np.ndarray):
        yield Sheet(query, source)
        return
    count = 1 if query.page is not None else drawing.pages(source)
    if count == 1:
        page, taken = drawing.decode_photograph(source, (query.page or 1) - 1, paper=paper)
        yield Sheet(query, page, taken)
        return
    found = 0
    for drawn in (True, False):
        for number in range(1, count + 1):
            shown = _shown(source, number, drawn=drawn)
            if shown is not None:
                found += 1
                yield Sheet(msgspec.structs.replace(query, page=number), shown)
                if found == MOST_SHEETS and query.figure is None:
                    return
        if found:
            return
    raise DrawingError("blank page", f"all {count} of {query}")


def _shown(source: Path | bytes, number: int, *, drawn: bool) -> Page | None:
    """A page of a file, from 1; None where it is blank, or not ``drawn`` where that is asked."""
    page = drawing.decode(source, number - 1)
    try:
        kind = looks.assess(page).kind
    except DrawingError as error:
        if error.reason == "blank page":
            return None
        raise
    return page if kind == "drawing" or not drawn else None


def _cropped(sheet: Sheet, crop: Crop) -> Part:
    """A part of a page; a figure where it is the box of one."""
    query, page, taken = sheet
    read = figures.read_sheet(page)
    if len(read.figures) > 1 and any(figure.box == tuple(crop) for figure in read.figures):
        clean = figures.without_captions(page, read)
        return Part(query, drawing.crop(clean, crop).copy(), figure=True)
    return Part(query, drawing.crop(page, crop), taken=taken)


def _taken_apart(sheet: Sheet) -> Iterator[Part]:
    query, page, taken = sheet
    read = figures.read_sheet(page)
    count = len(read.figures)
    if not 2 <= count <= _MOST_FIGURES:
        yield Part(query, page, taken=taken)
        return
    yield Part(query, page, WHOLE, taken=taken)
    clean = figures.without_captions(page, read)
    for figure in read.figures:
        if figure.number is None:
            named = msgspec.structs.replace(query, crop=figure.box)
        else:
            named = msgspec.structs.replace(query, figure=figure.number)
        # A copy: a part of the page would keep all of it in memory.
        pixels = drawing.crop(clean, figure.box).copy()
        yield Part(named, pixels, (1 - WHOLE) / count, str(query), figure=True)


def _figure(source: Source, query: Query) -> Part:
    """The figure that a query names, from the first page that shows it."""
    wanted = str(query.figure).upper()
    numbers = []
    for named, page, _ in pages(source, query):
        sheet = figures.read_sheet(page)
        for figure in sheet.figures:
            if figure.number == wanted:
                clean = figures.without_captions(page, sheet)
                cut = drawing.crop(clean, figure.box).copy()
                return Part(named, cut, figure=len(sheet.figures) > 1)
            numbers.append(figure.number or "one without a number")
    raise InputError(
        f"{query}: there is no such figure on the sheet; it shows {', '.join(numbers) or 'none'}"
    )
