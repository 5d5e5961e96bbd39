"""Reading pictures that nobody vouches for, in a process that may die of it."""

import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from edgepatent_runtime.errors import DrawingError
from edgepatent_runtime.figures.sheet import Figure
from edgepatent_runtime.record import ImageRef
from edgepatent_runtime.search.request import Crop, Photo, Query
from edgepatent_runtime.search.results import View
from edgepatent_runtime.workers.worker import Worker, WorkerError

if TYPE_CHECKING:
    from edgepatent_runtime.search.sheets import Sheet

Page = npt.NDArray[np.uint8]
T = TypeVar("T")
R = TypeVar("R")

# Pages of a PDF or TIFF that are offered to choose from; a long patent has some sixty sheets.
MOST_PAGES = 200


class Described(msgspec.Struct, frozen=True):
    """What a file holds: how many pages, the first one's width and height in pixels."""

    pages: int
    width: int
    height: int


class Part(msgspec.Struct, frozen=True):
    """A page of a file (from 1), or the part ``crop`` (x, y, width, height) of it.

    Without ``page`` every page that is a drawing.
    """

    data: bytes
    page: int | None = None
    crop: Crop | None = None


class Asked(msgspec.Struct, frozen=True):
    """A part that is searched with: by a model that takes drawings of ``size`` pixels.

    ``anyway``, ``whole`` and ``photo`` as in `Request`.
    """

    part: Part
    name: str
    size: int
    anyway: bool = False
    whole: bool = False
    photo: Photo = "auto"


class Found(msgspec.Struct, frozen=True):
    """A figure of a file, and the page that shows it; None in a file of one page."""

    page: int | None
    figure: Figure


class Reader:
    """One process that reads pictures, started when the first one comes. Safe from all threads.

    What makes it crash, hang or run out of memory raises a `DrawingError`, and the next picture
    has a fresh process.
    """

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._worker: Worker | None = None

    def close(self) -> None:
        """End the process."""
        with self._turn:
            if self._worker is not None:
                self._worker.close()
                self._worker = None

    def describe(self, data: bytes) -> Described:
        """What is in a file. Raises `DrawingError` for what cannot be used."""
        return self._call(_describe, data)

    def views(self, asked: Asked) -> list[View]:
        """The views to search with. Raises `DrawingError` for what cannot be used."""
        return self._call(_views, asked)

    def figures(self, part: Part) -> list[Found]:
        """The figures of a page, or of all drawings, in reading order. Raises `DrawingError`."""
        return self._call(_figures, part)

    def picture(self, part: Part, side: int) -> bytes:
        """A page as a PNG of at most ``side`` pixels. Raises `DrawingError`."""
        return self._call(_picture, (part, side))

    def stored(self, image: ImageRef, side: int) -> bytes:
        """The file of an indexed drawing as a PNG of at most ``side`` pixels.

        Raises `DrawingError` where it is not there, or not any more what it was.
        """
        return self._call(_stored, (image, side))

    def sheet(self, image: ImageRef, side: int) -> bytes:
        """The sheet of an indexed figure as a PNG of at most ``side`` pixels, the figure boxed in.

        Raises `DrawingError`.
        """
        return self._call(_sheet, (image, side))

    def stored_pixels(self, image: ImageRef) -> Page:
        """The file of an indexed drawing, uint8 [H, W]. Raises `DrawingError`."""
        return self._call(_stored_pixels, image)

    def _call(self, function: Callable[[T], R], argument: T) -> R:
        with self._turn:
            if self._worker is None or not self._worker.free:
                if self._worker is not None:
                    self._worker.close()
                self._worker = Worker()
            try:
                (result,) = self._worker.answers(function, [argument])
            except WorkerError as death:
                raise DrawingError(death.reason, death.detail) from death
        answer: R = result
        return answer


def _describe(data: bytes) -> Described:
    from edgepatent_runtime import drawing

    count = drawing.pages(data)
    height, width = drawing.decode(data).shape
    return Described(min(count, MOST_PAGES), width, height)


def _views(asked: Asked) -> list[View]:
    from edgepatent_runtime.search import sheets

    query = Query(asked.name, asked.part.page, asked.part.crop)
    given = {asked.name: asked.part.data}
    return sheets.read(
        query, asked.size, given, anyway=asked.anyway, whole=asked.whole, photo=asked.photo
    )


def _figures(part: Part) -> list[Found]:
    from edgepatent_runtime.figures import figures

    return [
        Found(query.page, figure) for query, page, _ in _pages(part) for figure in figures(page)
    ]


def _picture(arguments: tuple[Part, int]) -> bytes:
    from edgepatent_runtime import drawing

    part, side = arguments
    page = next(_pages(part)).page
    return encode(drawing.crop(page, part.crop), side)


def _pages(part: Part) -> "Iterator[Sheet]":
    from edgepatent_runtime.search import sheets

    return sheets.pages(part.data, Query("image", part.page))


def _stored(arguments: tuple[ImageRef, int]) -> bytes:
    image, side = arguments
    return encode(_stored_pixels(image), side)


def _sheet(arguments: tuple[ImageRef, int]) -> bytes:
    from edgepatent.report.place import marked
    from edgepatent_runtime import sources

    image, side = arguments
    assert image.box is not None
    return marked(sources.read_page(image), image.box, side)[0]


def _stored_pixels(image: ImageRef) -> Page:
    from edgepatent_runtime import drawing, sources

    return drawing.crop(sources.read_page(image), image.box)


def encode(page: Page, side: int) -> bytes:
    """What is drawn on a grey page as a PNG of at most ``side`` pixels.

    Averaging leaves thin lines pale; up to twice the ink keeps them visible.
    """
    from io import BytesIO

    from PIL import Image

    from edgepatent.report.page import cropped

    image = Image.fromarray(np.ascontiguousarray(cropped(page)))
    factor = max(image.size) / side
    if factor > 1:
        size = (max(1, round(image.width / factor)), max(1, round(image.height / factor)))
        image = image.resize(size, Image.Resampling.BOX, reducing_gap=3)
        ink = 255 - np.asarray(image).astype(np.float32)
        image = Image.fromarray((255 - np.minimum(ink * min(factor, 2.0), 255)).astype(np.uint8))
    out = BytesIO()
    image.save(out, "PNG", compress_level=4)
    return out.getvalue()
