"""Query images in every form in which people hold them."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, Union, cast

import numpy as np
import numpy.typing as npt

from edgepatent_runtime.errors import InputError
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

Given: TypeAlias = bytes | Page | npt.NDArray[np.float32] | list[View]
"""What a query's name stands for: the bytes of a file, grey pixels [H, W], an embedding [D].

Or the views that were read of it before, perhaps in another process.
"""


WHOLE = 0.75
"""What a sheet counts beside all its figures together.

With less of it sheets that are indexed whole are found worse, with more of it cut-out figures:
benchmarks/figures_search.md.
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
