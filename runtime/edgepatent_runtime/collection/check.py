"""Is every stored byte as it was written? What is not is repaired from what is, or named."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgepatent_runtime import names, sources
from edgepatent_runtime.bundle import Bundle
from edgepatent_runtime.collection import calibration, seal, signs, thumbnails, upkeep
from edgepatent_runtime.collection.catalog import Catalog
from edgepatent_runtime.collection.connection import require_inside
from edgepatent_runtime.collection.embedding import Encodes, embed
from edgepatent_runtime.collection.entries import Stored
from edgepatent_runtime.collection.graph import file_digest
from edgepatent_runtime.collection.known import content_digest
from edgepatent_runtime.collection.vectors import Rows, Vectors
from edgepatent_runtime.collection.writer import Writer
from edgepatent_runtime.errors import BundleError, CollectionError, DrawingError
from edgepatent_runtime.progress import Progress, silent
from edgepatent_runtime.sources import plugins

_BLOCK = 16_384


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: which ``part`` of the collection, and what in words."""

    part: str
    what: str


@dataclass(frozen=True)
class Repaired:
    """What a repair did, and the ids of patents that lost drawings which nothing could restore."""

    done: list[str]
    lost: list[str]


def verify(folder: Path, progress: Progress = silent) -> list[Problem]:
    """Everything that is wrong with the collection in ``folder``; readers and a writer may go on.

    Raises `CollectionError` where there is none, or its catalog cannot be read at all.
    """
    require_inside(folder, write=False)
    with closing(Catalog(folder)) as catalog:
        try:
            catalog.begin_reading()
            return [
                *_catalog(catalog),
                *_model(folder, catalog),
                *_rows(folder, catalog, progress),
                *_signs(folder, catalog),
                *_graph(folder, catalog),
                *_thumbnails(folder, catalog),
                *_calibration(folder),
            ]
        except sqlite3.Error as error:
            raise catalog.failure(error) from error


def _catalog(catalog: Catalog) -> Iterator[Problem]:
    for (line,) in catalog.sql.execute("PRAGMA integrity_check(5)"):
        if line != "ok":
            yield Problem("catalog", line)
    state = catalog.state()
    if seal.broken(catalog.path, state.generation):
        yield Problem("catalog", "it is not what was written")
    numbers = np.concatenate([catalog.live(), catalog.dead()])
    if len(numbers) != state.rows or not np.array_equal(np.sort(numbers), np.arange(state.rows)):
        yield Problem("catalog", "its drawings and removed rows are not the rows that exist")


def _model(folder: Path, catalog: Catalog) -> Iterator[Problem]:
    state = catalog.state()
    try:
        bundle = Bundle(folder / state.bundle)
        bundle.verify()
        if bundle.info.space != state.space:
            yield Problem("model", "its space is not that of the stored embeddings")
    except BundleError as error:
        yield Problem("model", str(error))


def _rows(folder: Path, catalog: Catalog, progress: Progress) -> Iterator[Problem]:
    state = catalog.state()
    path = folder / state.vectors
    try:
        Vectors.open(path, state.dimensions, state.rows)
    except CollectionError as error:
        yield Problem("vectors", str(error))
    salvaged = Vectors.salvage(path, state.dimensions, state.rows)
    live = catalog.live()
    damaged = _unsound(salvaged, live, progress)
    if len(damaged):
        yield Problem(
            "vectors", f"{len(damaged)} of {len(live)} rows are damaged (the first: {damaged[0]})"
        )


def _unsound(rows: Vectors, live: Rows, progress: Progress) -> Rows:
    """Which of the ``live`` rows are damaged or gone."""
    parts = [live[live >= rows.count]]
    there = live[live < rows.count]
    for start in range(0, len(there), _BLOCK):
        parts.append(rows.damaged(there[start : start + _BLOCK]))
        progress("checking rows", start, len(there))
    return np.sort(np.concatenate(parts))


def _signs(folder: Path, catalog: Catalog) -> Iterator[Problem]:
    state, derived = catalog.state(), catalog.derived("signs")
    if not state.rows:
        return
    if derived is None or (derived.vectors, derived.rows) != (state.vectors, state.rows):
        yield Problem("signs", "they are missing: searches are slower")
        return
    words = signs.load(folder / derived.file, state.dimensions, state.rows)
    if words is None:
        yield Problem("signs", f"{derived.file} is missing or too short: searches are slower")
        return
    rows = Vectors.salvage(folder / state.vectors, state.dimensions, state.rows)
    mean = catalog.mean(derived, state.dimensions)
    for start in range(0, rows.count, _BLOCK):
        numbers = np.arange(start, min(start + _BLOCK, rows.count))
        wrong = (signs.pack(rows.read(numbers), mean) != words[numbers]).any(axis=1)
        # Signs that differ from those of a damaged row say nothing about the signs.
        if wrong.any() and len(rows.damaged(numbers[wrong])) < np.count_nonzero(wrong):
            yield Problem("signs", f"{derived.file} is not made from the stored rows")
            return


def _graph(folder: Path, catalog: Catalog) -> Iterator[Problem]:
    derived = catalog.derived("graph")
    if derived is None:
        return
    try:
        sound = file_digest(folder / derived.file) == derived.digest
    except OSError:
        sound = False
    if not sound:
        yield Problem("graph", f"{derived.file} is missing or damaged: searches are slower")


def _thumbnails(folder: Path, catalog: Catalog) -> Iterator[Problem]:
    lost = len(_lost_thumbnails(folder, catalog))
    if lost:
        yield Problem("thumbnails", f"{lost} pictures are lost or damaged")


def _calibration(folder: Path) -> Iterator[Problem]:
    if calibration.damaged(folder):
        yield Problem("calibration", "it is not what was written: hits have no verdict")


def _lost_thumbnails(folder: Path, catalog: Catalog) -> list[int]:
    path = folder / thumbnails.file_name(catalog.state().vectors)
    pointers = catalog.thumbnails()
    pictures = thumbnails.read_all(path, [place for _, place in pointers])
    return [row for (row, _), found in zip(pointers, pictures, strict=True) if found is None]


def bundle(folder: Path) -> Bundle:
    """The model of a collection whose rows may be damaged. Raises `BundleError`."""
    with closing(Catalog(folder)) as catalog:
        catalog.begin_reading()
        return Bundle(folder / catalog.state().bundle)


def repair(folder: Path, encoder: Encodes | None = None, progress: Progress = silent) -> Repaired:
    """Put right what `verify` finds.

    Damaged rows are encoded again from their images where those are what they were; the drawings
    of others are given up, and named. Signs, graph and thumbnails are made anew. What cannot be
    repaired (a damaged catalog, or the model where ``encoder`` is None too) raises
    `CollectionError`. Raises `LockedError` where somebody else writes.
    """
    problems = verify(folder, progress)
    parts = {problem.part for problem in problems}
    for problem in problems:
        if problem.part == "catalog":
            raise CollectionError(
                f"the catalog of {folder} is damaged ({problem.what}): bring back a copy, or "
                "index the drawings again in a new folder"
            )
    done: list[str] = []
    lost: list[str] = []
    with closing(Writer(folder)) as writer, writer.edits.failures():
        if "model" in parts:
            if encoder is None:
                raise CollectionError(
                    f"the model in {folder} is damaged: name a sound copy of the same model with "
                    "--model"
                )
            writer.replace_bundle(encoder.bundle)
            done.append("model copied in again")
        if parts & {"vectors", "signs"}:
            done += _mend_rows(writer, encoder, lost, progress)
        if "graph" in parts:
            writer.set_graph(None)
            done.append("graph made anew")
        if "thumbnails" in parts:
            done.append(_mend_thumbnails(writer))
        if "calibration" in parts:
            names.remove_file(folder, calibration.NAME)
            done.append("calibration removed: the next index add measures it again")
        upkeep.finish(writer, progress)
    return Repaired(done, lost)


def _mend_rows(
    writer: Writer, encoder: Encodes | None, lost: list[str], progress: Progress
) -> list[str]:
    state = writer.state
    rows = Vectors.salvage(writer.folder / state.vectors, state.dimensions, state.rows)
    live = writer.edits.live()
    damaged = _unsound(rows, live, progress)
    fresh: dict[int, npt.NDArray[np.void]] = {}
    for row in damaged.tolist():
        entry = writer.edits.stored([row])[row]
        again = _encode_again(writer, encoder, entry)
        if again is None:
            lost.append(entry.record.patent_id)
        else:
            fresh[row] = again

    def chunks() -> Iterator[tuple[Rows, npt.NDArray[np.void]]]:
        gone = np.setdiff1d(damaged, np.array(sorted(fresh), np.int64))
        kept = np.setdiff1d(live, gone)
        for start in range(0, len(kept), _BLOCK):
            numbers = kept[start : start + _BLOCK]
            sound = ~np.isin(numbers, damaged)
            out = np.zeros(len(numbers), rows.rows.dtype)
            out[sound] = rows.rows[numbers[sound]]
            for position in np.flatnonzero(~sound).tolist():
                out[position] = fresh[int(numbers[position])]
            yield numbers, out

    writer.rewrite(chunks())
    done = ["rows and signs written anew"]
    if fresh:
        done.append(f"{len(fresh)} drawings encoded again")
    return done


def _encode_again(
    writer: Writer, encoder: Encodes | None, entry: Stored
) -> npt.NDArray[np.void] | None:
    """The row of a drawing whose file still has the content that was indexed."""
    if encoder is None:
        return None
    image = entry.record.image
    try:
        generated = plugins.is_generated(image.path)
        if not generated and content_digest(Path(image.path)) != entry.file.digest:
            return None
        drawing = sources.load(image, encoder.bundle.info.size)
    except (OSError, DrawingError):
        return None
    row: npt.NDArray[np.void] = writer.quantise(embed(encoder, [drawing], [image]))[0]
    return row


def _mend_thumbnails(writer: Writer) -> str:
    lost = _lost_thumbnails(writer.folder, writer.edits)
    pictures: list[bytes | None] = []
    for row in lost:
        image = writer.edits.stored([row])[row].record.image
        try:
            pictures.append(thumbnails.make(sources.load(image, thumbnails.SIDE)))
        except (OSError, DrawingError):
            pictures.append(None)
    writer.put_thumbnails(lost, pictures)
    drawn = sum(picture is not None for picture in pictures)
    return f"{drawn} thumbnails drawn again, {len(lost) - drawn} given up"
