"""The drawings of many records, decoded on all cores."""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from functools import partial
from itertools import chain, islice, tee
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from edgepatent_runtime import drawing
from edgepatent_runtime.errors import DrawingError, MissingExtraError
from edgepatent_runtime.record import ImageRef, Record
from edgepatent_runtime.sources import load, read_page
from edgepatent_runtime.unusable import unusable
from edgepatent_runtime.workers.pool import each
from edgepatent_runtime.workers.worker import WorkerError

Drawing = npt.NDArray[np.uint8]
# Starting a worker costs as much as decoding some fifty sheets (0.4 s): few records need but one.
_ONE_BELOW = 200
# A sheet of more figures than this is only taken whole: real ones have twelve at most.
_MOST_FIGURES = 40


T = TypeVar("T")


class Part(NamedTuple):
    """A drawing on a page: the whole of it, or one figure with the number that its caption names.

    ``box`` is x, y, width, height in pixels of the page, None for the whole; ``drawing`` is the
    normalised drawing, [S, S].
    """

    box: tuple[int, int, int, int] | None
    number: str | None
    drawing: Drawing


def load_all(
    records: Iterable[Record], size: int, *, workers: int | None = None
) -> Iterator[tuple[Record, Drawing | DrawingError]]:
    """Each record, in order, with its normalised drawing [S, S] or why there is none.

    ``workers`` processes decode (by default one a core, one where the records are few). Memory is
    flat: a few chunks are under way at any moment. A file that makes a worker crash, hang or run
    out of memory costs that file. Raises `EdgepatentError` where no worker can be started, and
    `MissingExtraError`.
    """
    return _loaded(partial(_guarded, load, size=size), records, workers)


def load_parts(
    records: Iterable[Record], size: int, *, workers: int | None = None
) -> Iterator[tuple[Record, list[Part] | DrawingError]]:
    """The same for sheets: the whole sheet first, then its figures where there are several."""
    return _loaded(partial(_guarded, _take_apart, size=size), records, workers)


def _loaded(
    function: Callable[[ImageRef], T | DrawingError],
    records: Iterable[Record],
    workers: int | None,
) -> Iterator[tuple[Record, T | DrawingError]]:
    stream = iter(records)
    first = list(islice(stream, _ONE_BELOW))
    count = (workers or os.cpu_count() or 1) if len(first) == _ONE_BELOW else 1
    kept, passed = tee(chain(first, stream))
    results = each(function, (record.image for record in passed), count)
    with closing(results):
        for record, (image, result) in zip(kept, results, strict=True):
            if isinstance(result, WorkerError):
                detail = f"{image} ({result.detail})" if result.detail else str(image)
                yield record, DrawingError(result.reason, detail)
            else:
                yield record, result


def _guarded(function: Callable[[ImageRef, int], T], ref: ImageRef, size: int) -> T | DrawingError:
    """The one boundary around reading one input: whatever goes wrong is a reason to skip it."""
    try:
        return function(ref, size)
    except DrawingError as error:
        return error
    except (MemoryError, MissingExtraError):
        raise
    except Exception as error:  # noqa: BLE001 -- see above
        return unusable(error, str(ref))


def _take_apart(ref: ImageRef, size: int) -> list[Part]:
    if ref.box is not None:
        return [Part(ref.box, None, load(ref, size))]
    # Only here: OpenCV is slow to import.
    from edgepatent_runtime import figures

    page = read_page(ref)
    parts = [Part(None, None, drawing.normalise(page, size))]
    sheet = figures.read_sheet(page)
    if not 2 <= len(sheet.figures) <= _MOST_FIGURES:
        return parts
    clean = figures.without_captions(page, sheet)
    for figure in sheet.figures:
        # A figure that is too small to be drawn is none to be searched.
        with suppress(DrawingError):
            drawn = drawing.normalise(drawing.crop(clean, figure.box), size)
            parts.append(Part(figure.box, figure.number, drawn))
    return parts
