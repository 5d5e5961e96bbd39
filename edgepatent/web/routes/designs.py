"""Stored designs: their facts, their pictures, and where one matches a query.

A drawing is addressed by index, patent and row, never by a path. Rows are numbered anew when an
index is compacted, so the patent must be the one that the row belongs to.
"""

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from edgepatent.report import facts
from edgepatent.report.document import DrawingEntry, drawing_entry
from edgepatent.report.page import inked
from edgepatent.web import parameters
from edgepatent.web.desk import Desk
from edgepatent.web.operations import PNG, Operation, png
from edgepatent_runtime import locarno
from edgepatent_runtime.errors import DrawingError, InputError
from edgepatent_runtime.record import ImageRef
from edgepatent_runtime.search.results import Patent

# The longest side of a thumbnail, as the index keeps it.
THUMBNAIL = 128


class DesignEntry(msgspec.Struct, frozen=True):
    """A design with all its drawings, none of them scored."""

    patent_id: str
    locarno: str | None
    locarno_name: str | None
    subclass: str | None
    title: str | None
    date: str | None
    index: str
    place: int
    facts: list[tuple[str, str]]
    drawings: list[DrawingEntry]


class MatchEntry(msgspec.Struct, frozen=True):
    """Which parts of a drawing carry its score.

    ``cells`` lie between 0 and 1 (the one that carries most), in rows from the top; ``box`` is
    what they divide, x, y, width and height as shares of the picture.
    """

    score: float
    cells: list[list[float]]
    box: tuple[float, float, float, float]


def entry(desk: Desk, patent: Patent) -> DesignEntry:
    """A stored design as it is sent."""
    return DesignEntry(
        patent.patent_id,
        patent.locarno,
        locarno.name(patent.locarno) if patent.locarno else None,
        patent.subclass,
        patent.title,
        patent.date,
        patent.index,
        desk.place(patent.index),
        facts.listed(patent.bibliography),
        [drawing_entry(one) for one in patent.drawings],
    )


async def design(desk: Desk, request: Request) -> DesignEntry:
    """A design by its number."""
    number = request.path_params["patent_id"]
    return await desk.ask(lambda: entry(desk, desk.index[number]))


def _image(desk: Desk, place: int, number: str, row: int) -> tuple[ImageRef, bytes | None]:
    """Where a stored drawing lies, and its thumbnail. Raises 404 where it is not that drawing."""
    if place >= len(desk.each):
        raise HTTPException(404, "there is no such index here")
    store = desk.index.stores[place]
    with store.moment() as moment:
        found = moment.facts([row]).get(row)
    if found is None or found.record.patent_id != number:
        raise HTTPException(404, "there is no such drawing any more: search again")
    return found.record.image, store.thumbnail(row, found.record.image)


async def picture(desk: Desk, request: Request) -> Response:
    """A stored drawing as a PNG: its thumbnail where that is large enough, or all there is."""
    place, number, row = _where(request)
    longest = parameters.side(request)
    if parameters.flag(request.query_params, "sheet"):
        return png(await desk.look(_sheet, desk, place, number, row, longest))

    def work() -> bytes:
        image, thumbnail = _image(desk, place, number, row)
        if thumbnail is not None and longest <= THUMBNAIL:
            return thumbnail
        key = (place, image, longest)
        made = desk.drawn.get(key)
        if made is None:
            try:
                made = desk.pictures.stored(image, longest)
            except DrawingError:
                if thumbnail is None:
                    raise HTTPException(404, "the drawing's file is not here") from None
                return thumbnail
            desk.drawn.put(key, made, len(made))
        return made

    return png(await desk.look(work))


def _sheet(desk: Desk, place: int, number: str, row: int, longest: int) -> bytes:
    """The sheet of a figure, with a box around it. Raises 404 for what lies on no sheet."""
    image, _ = _image(desk, place, number, row)
    key = (place, image, longest, "sheet")
    made = desk.drawn.get(key)
    if made is None:
        if image.box is None:
            raise HTTPException(404, "this drawing is a whole page")
        try:
            made = desk.pictures.sheet(image, longest)
        except DrawingError as error:
            raise HTTPException(404, str(error)) from error
        desk.drawn.put(key, made, len(made))
    return made


async def match(desk: Desk, request: Request) -> MatchEntry:
    """Which parts of a stored drawing carry its score with a query, or with another drawing."""
    place, number, row = _where(request)
    given = request.query_params

    def work() -> MatchEntry:
        page = desk.pictures.stored_pixels(_image(desk, place, number, row)[0])
        if given.get("like"):
            wanted = parameters.whole(given, "like_row", 0, least=0)
            other = next((d for d in desk.index[given["like"]].drawings if d.row == wanted), None)
            if other is None:
                raise InputError("there is no such drawing any more: search again")
            query = desk.pictures.stored_pixels(other.image)
        else:
            references = parameters.references(given)
            if len(references) != 1:
                raise InputError("name one image to compare with")
            case = given.get("matter") or None
            query = desk.views(references[0], case, anyway=True, whole=True)[0].page
        found = desk.index.occlusion(page, query)
        most = float(found.cells.max()) or 1.0
        left, top, right, bottom = inked(page)
        width, height = right - left, bottom - top
        x, y, across, down = found.box
        return MatchEntry(
            round(found.score, 6),
            [[round(value / most, 4) for value in cells] for cells in found.cells.tolist()],
            ((x - left) / width, (y - top) / height, across / width, down / height),
        )

    return await desk.ask(work)


def _where(request: Request) -> tuple[int, str, int]:
    """Index, patent and row that a path names."""
    given = request.path_params
    return given["place"], given["patent_id"], given["row"]


_DRAWING = "{place:int}/{patent_id}/{row:int}"
OPERATIONS = [
    Operation(
        "GET",
        "/api/designs/{patent_id:path}",
        design,
        "A stored design by its number, with all its drawings",
        DesignEntry,
    ),
    Operation(
        "GET",
        f"/api/drawings/{_DRAWING}.png",
        picture,
        "A stored drawing",
        PNG,
        query={
            "side": "longest side in pixels",
            "sheet": "1: the sheet that a figure is from, with a box around the figure",
        },
    ),
    Operation(
        "GET",
        f"/api/match/{_DRAWING}",
        match,
        "Which parts of a stored drawing carry its score with an image or another drawing",
        MatchEntry,
        query={
            "image": "the query image",
            "matter": "the matter that may hold it",
            "like": "another design, in place of an image",
            "like_row": "and which of its drawings",
        },
    ),
]
