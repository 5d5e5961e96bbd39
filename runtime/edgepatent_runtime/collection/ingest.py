"""From records to stored rows: decoded in parallel, encoded in batches, committed."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from itertools import islice

import numpy as np
import numpy.typing as npt

from edgepatent_runtime.collection import thumbnails
from edgepatent_runtime.collection.embedding import Encodes, embed
from edgepatent_runtime.collection.known import Job, Known, figure_of
from edgepatent_runtime.collection.vectors import Floats
from edgepatent_runtime.collection.writer import Writer
from edgepatent_runtime.errors import DrawingError, InputError, SpaceMismatchError
from edgepatent_runtime.progress import Progress
from edgepatent_runtime.record import Record, Skipped
from edgepatent_runtime.sources.loading import Drawing, Part, load_all, load_parts

BATCH = 64
_EMBEDDINGS_BATCH = 8192
_TOLD = 4096


@dataclass(frozen=True)
class Added:
    """How many drawings came in, and what became of those that were known."""

    added: int = 0
    replaced: int = 0
    renamed: int = 0
    updated: int = 0
    unchanged: int = 0
    removed: int = 0

    def plus(self, **counts: int) -> "Added":
        """With some of the counts raised."""
        return replace(self, **{name: getattr(self, name) + n for name, n in counts.items()})

    def __add__(self, other: "Added") -> "Added":
        return self.plus(**asdict(other))


def add(
    writer: Writer,
    records: Iterable[Record],
    encoder: Encodes,
    *,
    root: str,
    skipped: Skipped,
    progress: Progress,
    prune: bool,
    allow_empty: bool,
    keep_thumbnails: bool,
    figures: bool,
    total: int | None,
) -> Added:
    """Index the drawings of ``records``; ``root`` is the folder their paths are stored relative to.

    ``figures`` takes sheets with several figures apart: these are stored beside the sheet.

    Unchanged files (size and mtime) cost a stat; renamed and copied ones are recognised by their
    content and not encoded again; changed ones are replaced. ``prune`` removes what is stored
    below ``root`` and has vanished; where nothing there can be used at all, only with
    ``allow_empty``, since a folder that is not mounted looks like that. Each batch of 64 is
    committed, so that an interruption loses no more than that. ``total`` is only for
    ``progress``. What cannot be decoded is counted in ``skipped``; its stored version stays.

    Raises `SpaceMismatchError` where the encoder is not the collection's model, `InputError` where
    pruning is refused.
    """
    if encoder.bundle.info.space != writer.state.space:
        raise SpaceMismatchError(
            f"{writer.folder} was made with another model: leave --model out to use its own, or "
            "run edgepatent index rebuild --model"
        )
    known = Known(writer, root)
    jobs: deque[Job] = deque()
    result = Added()

    def new() -> Iterator[Record]:
        """The records that must be encoded; their jobs wait in ``jobs``, in the same order."""
        nonlocal result
        for done, record in enumerate(records, start=1):
            fate, job = known.look_up(record, skipped)
            if job is not None:
                jobs.append(job)
                yield record
            elif fate:
                result = result.plus(**{fate: 1})
            if done % BATCH == 0:
                progress("indexing drawings", done - len(jobs), total)
            if done % _TOLD == 0:
                # Where nothing is new there are no batches: what was renamed or told anew.
                writer.commit()

    with writer.undone_on_failure():
        size = encoder.bundle.info.size
        loaded = load_parts(new(), size) if figures else _whole(load_all(new(), size))
        while batch := list(islice(loaded, BATCH)):
            drawings, wanted = [], []
            for record, parts in batch:
                job = jobs.popleft()
                if isinstance(parts, DrawingError):
                    skipped.add(parts.reason, record.image)
                    known.failed(job.file)
                    continue
                drawings += [part.drawing for part in parts]
                wanted += [job, *(figure_of(job, part) for part in parts[1:])]
            if drawings:
                pictures = [thumbnails.make(one) if keep_thumbnails else None for one in drawings]
                rows = writer.quantise(
                    embed(encoder, drawings, [one.record.image for one in wanted])
                )
                stored, replaced = commit(writer, wanted, rows, pictures)
                result = result.plus(added=stored - replaced, replaced=replaced)
        result = result.plus(removed=known.tidy(prune, allow_empty))
        writer.commit()
    return result


def _whole(
    loaded: Iterable[tuple[Record, Drawing | DrawingError]],
) -> Iterator[tuple[Record, list[Part] | DrawingError]]:
    for record, drawing in loaded:
        if isinstance(drawing, DrawingError):
            yield record, drawing
        else:
            yield record, [Part(record.image.box, None, drawing)]


def commit(
    writer: Writer,
    jobs: list[Job],
    rows: npt.NDArray[np.void],
    pictures: list[bytes | None],
) -> tuple[int, int]:
    """Store and commit rows [N] for ``jobs``: how many were stored, and how many replaced."""
    counts = store(writer, jobs, rows, pictures)
    writer.commit()
    return counts


def store(
    writer: Writer,
    jobs: list[Job],
    rows: npt.NDArray[np.void],
    pictures: list[bytes | None],
) -> tuple[int, int]:
    """What `commit` does, to be committed with what is still to come."""
    old = np.array([job.replaces for job in jobs if job.replaces is not None], np.int64)
    with writer.edits.failures():
        writer.put(rows, [(job.file, job.part, job.record) for job in jobs], pictures)
        writer.edits.remove_drawings(old)
    return len(jobs), len(old)


def add_embeddings(
    writer: Writer,
    records: Iterable[Record],
    embeddings: Floats,
    *,
    root: str,
    skipped: Skipped,
    progress: Progress,
) -> Added:
    """Store ready embeddings [N, D] for as many ``records``; their files are not looked at.

    Known drawings whose rows are the same stay as they are, others are replaced. Raises
    `InputError` where the numbers do not match or the embeddings are not unit vectors.
    """
    if embeddings.ndim != 2 or embeddings.shape[1] != writer.state.dimensions:
        raise InputError(
            f"expected embeddings [N,{writer.state.dimensions}], got {list(embeddings.shape)}"
        )
    known = Known(writer, root)
    result = Added()
    stream = iter(records)
    with writer.undone_on_failure():
        for start in range(0, len(embeddings), _EMBEDDINGS_BATCH):
            part = np.asarray(embeddings[start : start + _EMBEDDINGS_BATCH], np.float32)
            lengths = np.linalg.norm(part, axis=1)
            if not np.allclose(lengths, 1, atol=0.01):
                wrong = start + int(np.argmax(~np.isclose(lengths, 1, atol=0.01)))
                raise InputError(f"embedding {wrong} is no unit vector: embed the drawings again")
            rows = writer.quantise(part)
            jobs: list[Job] = []
            wanted: list[int] = []
            for position, record in enumerate(_exactly(stream, len(part))):
                fate, job = known.look_up_named(record, rows[position], skipped)
                if job is None:
                    result = result.plus(**({fate: 1} if fate else {}))
                else:
                    jobs.append(job)
                    wanted.append(position)
            stored, replaced = 0, 0
            if jobs:
                stored, replaced = commit(writer, jobs, rows[wanted], [None] * len(jobs))
            result = result.plus(added=stored - replaced, replaced=replaced)
            progress("storing embeddings", start + len(part), len(embeddings))
        if next(stream, None) is not None:
            raise InputError(f"there are more records than the {len(embeddings)} embeddings")
        writer.commit()
    return result


def _exactly(records: Iterator[Record], count: int) -> Iterator[Record]:
    for number in range(count):
        record = next(records, None)
        if record is None:
            raise InputError(f"there are fewer records than embeddings ({count - number} short)")
        yield record
