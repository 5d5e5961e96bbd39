"""The drawings of many records, decoded on all cores."""

import os
from collections.abc import Iterable, Iterator
from contextlib import closing
from functools import partial
from itertools import chain, islice, tee

import numpy as np
import numpy.typing as npt

from edgepatent_runtime.errors import DrawingError, MissingExtraError
from edgepatent_runtime.record import ImageRef, Record
from edgepatent_runtime.sources import load
from edgepatent_runtime.unusable import unusable
from edgepatent_runtime.workers.pool import each
from edgepatent_runtime.workers.worker import WorkerError

Drawing = npt.NDArray[np.uint8]
# Starting a worker costs as much as decoding some fifty sheets (0.4 s): few records need but one.
_ONE_BELOW = 200


def load_all(
    records: Iterable[Record], size: int, *, workers: int | None = None
) -> Iterator[tuple[Record, Drawing | DrawingError]]:
    """Each record, in order, with its normalised drawing [S, S] or why there is none.

    ``workers`` processes decode (by default one a core, one where the records are few). Memory is
    flat: a few chunks are under way at any moment. A file that makes a worker crash, hang or run
    out of memory costs that file. Raises `EdgepatentError` where no worker can be started, and
    `MissingExtraError`.
    """
    stream = iter(records)
    first = list(islice(stream, _ONE_BELOW))
    count = (workers or os.cpu_count() or 1) if len(first) == _ONE_BELOW else 1
    kept, passed = tee(chain(first, stream))
    results = each(partial(_load_one, size=size), (record.image for record in passed), count)
    with closing(results):
        for record, (image, result) in zip(kept, results, strict=True):
            if isinstance(result, WorkerError):
                detail = f"{image} ({result.detail})" if result.detail else str(image)
                yield record, DrawingError(result.reason, detail)
            else:
                yield record, result


def _load_one(ref: ImageRef, size: int) -> Drawing | DrawingError:
    """The one boundary around reading one input: whatever goes wrong is a reason to skip it."""
    try:
        return load(ref, size)
    except DrawingError as error:
        return error
    except (MemoryError, MissingExtraError):
        raise
    except Exception as error:  # noqa: BLE001 -- see above
        return unusable(error, str(ref))
