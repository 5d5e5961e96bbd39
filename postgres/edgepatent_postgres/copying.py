"""Collections copied into the database, a block of drawings a transaction."""

from collections.abc import Callable

import numpy as np

from edgepatent_postgres.connection import Connection
from edgepatent_postgres.writing import Entry, changing
from edgepatent_runtime.collection import Collection, thumbnails, vectors
from edgepatent_runtime.collection.ingest import Added
from edgepatent_runtime.progress import Progress
from edgepatent_runtime.search.searchable import Floats

BLOCK = 2048
"""So many drawings are copied in by one transaction."""


def copy_in(
    connection: Connection,
    rotation: Floats,
    other: Collection,
    progress: Progress,
    only: Callable[[str], bool] | None = None,
) -> Added:
    """Copy in what one state of a collection of the same model holds, a block a transaction."""
    result = Added()
    with other.reading() as (known, taken):
        live = taken.live_rows() if only is None else known.live_of(only)
        pictures = known.path.parent / thumbnails.file_name(taken.state.vectors)
        alike = np.array_equal(taken.rotation, rotation)
        start = 0
        while start < len(live):
            numbers = live[start : start + BLOCK]
            taken.vectors.require(numbers)
            if alike:
                rows = taken.vectors.rows[numbers]
            else:
                plain = taken.vectors.read(numbers) @ taken.rotation
                rows = vectors.quantise(np.asarray(plain @ rotation.T, np.float32))
            stored = known.stored(numbers.tolist())
            entries = []
            for place, number in enumerate(numbers.tolist()):
                one = stored[number]
                picture = thumbnails.read(pictures, one.thumbnail) if one.thumbnail else None
                file = one.file
                entries.append(
                    Entry(one.root, one.path, file.size, file.mtime_ns, file.digest, one.record,
                          rows[place], picture)
                )  # fmt: skip
            if start + len(numbers) < len(live):
                entries = _whole_files(entries)
            with changing(connection) as change:
                result += change.put(entries)
            start += len(entries)
            progress("copying drawings", start, len(live))
    return result


def _whole_files(entries: list[Entry]) -> list[Entry]:
    """Without the drawings of the last file, unless there is no other: more of it may follow."""
    last = entries[-1].root, entries[-1].path
    end = len(entries)
    while end and (entries[end - 1].root, entries[end - 1].path) == last:
        end -= 1
    return entries[:end] or entries
