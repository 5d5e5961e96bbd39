"""The drawings of one collection copied into another, without encoding them again."""

from collections.abc import Callable

import numpy as np

from edgepatent_runtime.collection import thumbnails
from edgepatent_runtime.collection.catalog import Catalog
from edgepatent_runtime.collection.entries import Stored, part_of
from edgepatent_runtime.collection.ingest import Added, commit
from edgepatent_runtime.collection.known import Job
from edgepatent_runtime.collection.snapshot import Snapshot
from edgepatent_runtime.collection.writer import Writer
from edgepatent_runtime.progress import Progress

_BLOCK = 4096


def merge(
    writer: Writer,
    catalog: Catalog,
    taken: Snapshot,
    progress: Progress,
    only: Callable[[str], bool] | None = None,
) -> Added:
    """Copy what one state of another collection holds and ``writer``'s does not.

    That is rows, records, thumbnails; of the patents whose id passes ``only`` where it is given. A
    drawing is known by its file (root and path) and part; one whose file has another content
    replaces it. Raises `CollectionError` where a row is damaged.
    """
    result = Added()
    live = taken.live_rows() if only is None else catalog.live_of(only)
    alike = np.array_equal(taken.rotation, writer.rotation)
    source = catalog.path.parent / thumbnails.file_name(taken.state.vectors)
    for start in range(0, len(live), _BLOCK):
        numbers = live[start : start + _BLOCK]
        taken.vectors.require(numbers)
        stored = catalog.stored(numbers.tolist())
        jobs: list[Job] = []
        rows: list[int] = []
        pictures: list[bytes | None] = []
        for row in numbers.tolist():
            job = _place(writer, stored[row])
            if job is None:
                result = result.plus(unchanged=1)
                continue
            jobs.append(job)
            rows.append(row)
            place = stored[row].thumbnail
            pictures.append(thumbnails.read(source, place) if place else None)
        if jobs:
            wanted = np.array(rows)
            if alike:
                new = np.array(taken.vectors.rows[wanted])
            else:
                new = writer.quantise(taken.vectors.read(wanted) @ taken.rotation)
            count, replaced = commit(writer, jobs, new, pictures)
            result = result.plus(added=count - replaced, replaced=replaced)
        progress("merging", start + len(numbers), len(live))
    writer.commit()
    return result


def _place(writer: Writer, entry: Stored) -> Job | None:
    """Where a drawing of the other collection goes; None where it is stored already."""
    edits = writer.edits
    with edits.failures():
        root = edits.root(entry.root)
        known = edits.files_at(root, entry.path)
        old = entry.file
        same = [file for file in known if file.digest == old.digest]
        if same:
            file = same[0]
        else:
            file = edits.add_file(root, entry.path, old.size, old.mtime_ns, old.digest)
        part = part_of(entry.record.image)
        if edits.drawing_at(file.key, part) is not None:
            return None
        rows = (edits.drawing_at(version.key, part) for version in known)
        replaces = next((row for row in rows if row is not None), None)
        return Job(entry.record, file.key, part, replaces)
