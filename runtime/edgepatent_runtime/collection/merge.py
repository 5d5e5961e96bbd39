"""The drawings of one collection copied into another, without encoding them again."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from edgepatent_runtime.collection import thumbnails
from edgepatent_runtime.collection.catalog import Catalog
from edgepatent_runtime.collection.entries import Stored, part_of
from edgepatent_runtime.collection.ingest import Added, commit, store
from edgepatent_runtime.collection.known import Job
from edgepatent_runtime.collection.snapshot import Snapshot
from edgepatent_runtime.collection.vectors import Rows
from edgepatent_runtime.collection.writer import Writer
from edgepatent_runtime.errors import CollectionError
from edgepatent_runtime.progress import Progress

_BLOCK = 4096


class _Block(NamedTuple):
    """Drawings to be stored, with rows and pictures, and how many more are stored already."""

    jobs: list[Job]
    rows: npt.NDArray[np.void]
    pictures: list[bytes | None]
    known: int


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
    for block in _blocks(writer, catalog, taken, live, writer.edits.root, progress):
        result = result.plus(unchanged=block.known)
        if block.jobs:
            count, replaced = commit(writer, block.jobs, block.rows, block.pictures)
            result = result.plus(added=count - replaced, replaced=replaced)
    writer.commit()
    return result


def take_over(
    writer: Writer,
    catalog: Catalog,
    taken: Snapshot,
    progress: Progress,
    only: Callable[[str], bool] | None = None,
) -> int:
    """Copy the drawings of patents that ``writer``'s collection does not hold; how many.

    They are what they are there: roots keep their names. To be committed with what is still to
    come. Raises `CollectionError` where a row is damaged, or a drawing is stored already.
    """
    roots = writer.edits.adopt_roots(catalog)
    live = taken.live_rows() if only is None else catalog.live_of(only)
    for block in _blocks(writer, catalog, taken, live, roots.__getitem__, progress):
        if block.known or any(job.replaces is not None for job in block.jobs):
            raise CollectionError(
                f"{catalog.path.parent} holds drawings that {writer.folder} has for other patents"
            )
        store(writer, block.jobs, block.rows, block.pictures)
        writer.flush()
    return len(live)


def _blocks(
    writer: Writer,
    catalog: Catalog,
    taken: Snapshot,
    live: Rows,
    root_of: Callable[[str], int],
    progress: Progress,
) -> Iterator[_Block]:
    """The drawings at ``live``, block by block; ``root_of`` says below which root they go."""
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
            job = _place(writer, stored[row], root_of)
            if job is None:
                continue
            jobs.append(job)
            rows.append(row)
            place = stored[row].thumbnail
            pictures.append(thumbnails.read(source, place) if place else None)
        wanted = np.array(rows, np.int64)
        if alike:
            new = np.array(taken.vectors.rows[wanted])
        else:
            new = writer.quantise(taken.vectors.read(wanted) @ taken.rotation)
        yield _Block(jobs, new, pictures, len(numbers) - len(jobs))
        progress("merging", start + len(numbers), len(live))


def _place(writer: Writer, entry: Stored, root_of: Callable[[str], int]) -> Job | None:
    """Where a drawing of the other collection goes; None where it is stored already."""
    edits = writer.edits
    with edits.failures():
        root = root_of(entry.root)
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
