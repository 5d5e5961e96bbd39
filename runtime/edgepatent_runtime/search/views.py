"""Query images in every form in which people hold them, read and normalised."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, Union, cast

import numpy as np
import numpy.typing as npt

from edgepatent_runtime.errors import DrawingError, InputError
from edgepatent_runtime.search.request import Query
from edgepatent_runtime.search.results import View

if TYPE_CHECKING:
    from PIL.Image import Image

Page = npt.NDArray[np.uint8]

Viewed: TypeAlias = Union[str, Path, bytes, Query, "Image", npt.NDArray[Any]]
"""A view of a design: a file, the bytes of one, a `Query`, a PIL image, an array.

An array of uint8 is an image (grey [H, W], RGB or RGBA [H, W, 3 or 4]), one of floats an embedding
[D], or several [V, D].
"""

Given: TypeAlias = bytes | Page | npt.NDArray[np.float32] | View
"""What a query's name stands for: the bytes of a file, grey pixels [H, W], an embedding [D].

Or a view that was read before, perhaps in another process.
"""


def named(
    views: Viewed | Sequence[Viewed],
) -> tuple[tuple[Query, ...], dict[str, Given]]:
    """One view or several as queries, and what stands behind those that name no file.

    Raises `InputError` where there is none, or for what is no view.
    """
    queries: list[Query] = []
    given: dict[str, Given] = {}
    for number, view in enumerate(_each(views), start=1):
        if isinstance(view, Query):
            queries.append(view)
        elif isinstance(view, str | Path):
            queries.append(Query(str(view)))
        else:
            name = f"<view {number}>"
            queries.append(Query(name))
            given[name] = _content(view)
    if not queries:
        raise InputError("there is no view to search with: the list is empty")
    return tuple(queries), given


def _each(views: Viewed | Sequence[Viewed]) -> Iterator[Viewed]:
    """One view or several, one by one; so with several embeddings in one array."""
    if isinstance(views, np.ndarray) and views.ndim == 2 and views.dtype.kind == "f":
        yield from views
    elif isinstance(views, list | tuple):
        for view in views:
            yield from _each(view)
    else:
        yield cast(Viewed, views)


_KINDS = "give a path, bytes, a PIL image, an array of uint8 pixels or an embedding"


def _is_picture(view: object) -> bool:
    """Whether this is a PIL image; Pillow is not imported to find out."""
    return hasattr(view, "convert") and hasattr(view, "save")


def _content(view: object) -> Given:
    if isinstance(view, bytes | bytearray | memoryview):
        return bytes(view)
    if _is_picture(view):
        return _png(view)
    if isinstance(view, np.ndarray):
        if view.dtype.kind == "f":
            if view.ndim != 1:
                raise InputError(f"expected embeddings [D] or [V, D], got {list(view.shape)}")
            return view.astype(np.float32)
        if view.dtype == np.uint8 and view.ndim == 2 and view.size:
            return np.ascontiguousarray(view)
        if view.dtype == np.uint8 and view.ndim == 3 and view.shape[2] in (3, 4) and view.size:
            from PIL import Image

            return _png(Image.fromarray(view))
        raise InputError(
            "an image as an array is uint8 [H, W], [H, W, 3] or [H, W, 4], an embedding float32 "
            f"[D]; got {view.dtype} {list(view.shape)}"
        )
    raise InputError(f"{type(view).__name__} is no view: {_KINDS}")


def _png(image: Any) -> bytes:
    """A PIL image as the bytes of a file, so that all pictures are read in one way."""
    from io import BytesIO

    out = BytesIO()
    if image.mode not in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"):
        image = image.convert("RGB")
    image.save(out, "PNG", compress_level=1)
    return out.getvalue()


def embedding(query: Query, given: Mapping[str, Given]) -> npt.NDArray[np.float32] | None:
    """The embedding [D] that a query names; None where it is an image."""
    found = given.get(query.path)
    if not isinstance(found, np.ndarray) or found.dtype == np.uint8:
        return None
    return np.asarray(found, np.float32)


def _figure(page: Page, query: Query) -> Page:
    """The figure of a sheet that a query names, without captions. Raises `InputError`."""
    from edgepatent_runtime import drawing, figures

    sheet = figures.read_sheet(page)
    wanted = str(query.figure).upper()
    for found in sheet.figures:
        if found.number == wanted:
            return drawing.crop(figures.without_captions(page, sheet), found.box)
    read = ", ".join(found.number or "one without a number" for found in sheet.figures)
    raise InputError(f"{query}: there is no such figure on the sheet; it shows {read or 'none'}")


def read(query: Query, size: int, given: Mapping[str, Given], *, anyway: bool = False) -> View:
    """Read a query image and normalise it to [size, size].

    Raises `DrawingError`, which names the query, for what cannot be used, and unless ``anyway``
    for what looks like anything but a drawing.
    """
    from edgepatent_runtime import drawing
    from edgepatent_runtime.search import looks

    if query.path == "-" and "-" not in given:
        raise InputError("- stands for standard input: name a file, or give its bytes")
    source = given.get(query.path, Path(query.path))
    if isinstance(source, View):
        return source
    try:
        if isinstance(source, np.ndarray):
            page = np.asarray(source, np.uint8)
        else:
            page = drawing.decode(source, query.page - 1)
        if query.figure is not None:
            page = _figure(page, query)
        page = drawing.crop(page, query.crop)
        normal = drawing.normalise(page, size)
        seen = looks.assess(page)
    except DrawingError as error:
        if query.path in error.detail:
            raise
        detail = f"{query} ({error.detail})" if error.detail else str(query)
        raise DrawingError(error.reason, detail) from error
    if seen.kind != "drawing" and not anyway:
        # The first page of a patent as PDF is its front page, not a drawing.
        pages = 1 if isinstance(source, np.ndarray) else drawing.pages(source)
        other = f", --page (1 to {pages}) takes another page" if pages > 1 else ""
        raise DrawingError(
            f"looks like {looks.NAMES[seen.kind]}, not a drawing",
            f"{query}; --anyway uses it all the same{other}",
        )
    if isinstance(source, Path):
        source = source.read_bytes()
    data = source.tobytes() if isinstance(source, np.ndarray) else source
    sha256 = hashlib.sha256(data).hexdigest()
    return View(name=str(query), sha256=sha256, page=page, drawing=normal)
