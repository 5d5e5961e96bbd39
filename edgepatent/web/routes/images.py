"""Query images: sent, described, shown."""

from contextlib import suppress
from urllib.parse import unquote

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from edgepatent.web.desk import Desk
from edgepatent.web.images import Image, Reference
from edgepatent.web.operations import PNG, Operation, png
from edgepatent.web.parameters import flag, side
from edgepatent.web.reading import Part, encode
from edgepatent_runtime.errors import DrawingError

# As long as a name may be on most disks.
_NAME_LENGTH = 120


class PartEntry(msgspec.Struct, frozen=True):
    """A part of an image that can be searched with; ``reference`` is the parameter ``image``."""

    reference: str
    label: str


class ImageEntry(msgspec.Struct, frozen=True):
    """An image that was sent, and its pages."""

    id: str
    name: str
    width: int
    height: int
    pages: list[PartEntry]


class FiguresEntry(msgspec.Struct, frozen=True):
    """The figures of a page, or of several, in reading order."""

    figures: list[PartEntry]


async def send(desk: Desk, request: Request) -> ImageEntry:
    """Take in an image; its name is in the header ``x-name``."""
    data = await desk.bodies.image(request)
    image = await desk.ask(_keep, desk, data, _name(request.headers.get("x-name", "")))
    described = image.described
    count = described.pages
    return ImageEntry(
        image.id,
        image.name,
        described.width,
        described.height,
        [PartEntry(str(Reference(image.id, page)), f"Page {page}") for page in range(1, count + 1)]
        if count > 1
        else [PartEntry(image.id, "All of it")],
    )


def _keep(desk: Desk, data: bytes, name: str) -> Image:
    image = desk.images.keep(data, name, desk.queries.describe(data))
    if image.described.pages == 1:
        # Read while the browser learns its id; what is no drawing is said when it is asked with.
        with suppress(DrawingError):
            desk.views(Reference(image.id), None, anyway=False, whole=False)
    return image


def _name(text: str) -> str:
    """What a person called the file, without a path and without what no name has."""
    last = unquote(text).replace("\\", "/").rpartition("/")[2]
    return "".join(c for c in last if c.isprintable())[:_NAME_LENGTH].strip() or "image"


async def figures(desk: Desk, request: Request) -> FiguresEntry:
    """The figures on a page of an image, or on all its pages of drawings."""
    reference = Reference.parse(request.path_params["reference"])
    case = request.query_params.get("matter")

    def work() -> list[PartEntry]:
        image = desk.image(reference.id, case)
        found = desk.queries.figures(Part(image.data, reference.page))
        return [
            PartEntry(
                str(Reference(reference.id, one.page, one.figure.box)),
                f"Fig. {one.figure.number}" if one.figure.number else f"Figure {place}",
            )
            for place, one in enumerate(found, start=1)
        ]

    return FiguresEntry(await desk.look(work))


async def show(desk: Desk, request: Request) -> Response:
    """A part of an image, as a PNG."""
    reference = Reference.parse(request.path_params["reference"])
    longest = side(request)
    case = request.query_params.get("matter")

    contours = flag(request.query_params, "contours")

    def work() -> bytes:
        image = desk.image(reference.id, case)
        if contours:
            views = desk.views(reference, case, anyway=False, whole=False, photo="product")
            return encode(views[-1].page, longest)
        return desk.queries.picture(Part(image.data, reference.page, reference.crop), longest)

    return png(await desk.look(work))


OPERATIONS = [
    Operation(
        "POST",
        "/api/images",
        send,
        "Send a query image: its bytes are the body. It is kept in memory, for a while.",
        ImageEntry,
        body="application/octet-stream",
    ),
    Operation(
        "GET",
        "/api/images/{reference}/figures",
        figures,
        "The figures on a page of a query image, or on all its pages of drawings",
        FiguresEntry,
        query={"matter": "the matter that may hold the image"},
    ),
    Operation(
        "GET",
        "/api/images/{reference}.png",
        show,
        "A query image, or a part of it (ID:PAGE:x,y,width,height)",
        PNG,
        query={
            "side": "longest side in pixels",
            "contours": "1: drawn by its contours, as a photograph of a product is searched",
            "matter": "the matter that may hold the image",
        },
    ),
]
