"""What ``search --json`` prints and ``--record`` keeps: a result in plain values."""

import os
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from edgepatent import __version__
from edgepatent.report.record import (
    FORMAT,
    RecordedHit,
    RecordedIndex,
    RecordedModel,
    RecordedView,
    SearchRecord,
)
from edgepatent.searching import Result, Searcher, bundle_digest
from edgepatent_runtime.query import Hit


class DrawingEntry(msgspec.Struct, frozen=True):
    """A drawing of a hit; ``score`` is null where nothing was compared (a search by words)."""

    path: str
    figure: str | None
    score: float


class HitEntry(msgspec.Struct, frozen=True):
    """A hit; ``index`` is the collection it comes from."""

    rank: int
    score: float
    patent_id: str
    locarno: str | None
    title: str | None
    date: str | None
    index: str
    drawings: list[DrawingEntry]


class SearchDocument(msgspec.Struct, frozen=True):
    """The JSON of a search. Several indexes are joined as in $PATH."""

    query: list[str]
    space: str
    index: str
    plan: str
    hits: list[HitEntry]
    timings_ms: dict[str, float]


def document(result: Result, searcher: Searcher) -> SearchDocument:
    """A result as it is printed."""
    names = [view.name for view in result.views]
    if result.request.like is not None:
        names.append(result.request.like)
    return SearchDocument(
        query=names,
        space=searcher.bundle.info.space,
        index=os.pathsep.join(result.request.indexes),
        plan=result.answer.plan,
        hits=[
            HitEntry(
                rank=hit.rank,
                score=round(hit.score, 6),
                patent_id=hit.patent_id,
                locarno=hit.locarno,
                title=hit.title,
                date=hit.date,
                index=hit.collection,
                drawings=[
                    DrawingEntry(drawing_name(hit, place), drawing.figure, round(drawing.score, 6))
                    for place, drawing in enumerate(hit.drawings)
                ],
            )
            for hit in result.answer.hits
        ],
        timings_ms={name: round(value, 2) for name, value in result.timings_ms.items()},
    )


def drawing_name(hit: Hit, place: int = 0) -> str:
    """Where a hit's drawing lies, page and box included, as a person can open it."""
    return str(hit.drawings[place].image)


def record(result: Result, searcher: Searcher) -> SearchRecord:
    """A result as it goes on file."""
    info = searcher.bundle.info
    indexes = []
    for collection in searcher.collections:
        held = collection.info()
        path = str(collection.folder.absolute())
        indexes.append(RecordedIndex(path, held.generation, held.drawings, held.patents))
    request = msgspec.structs.replace(
        result.request,
        indexes=tuple(index.path for index in indexes),
        queries=tuple(
            msgspec.structs.replace(
                one, path=one.path if one.path == "-" else str(Path(one.path).absolute())
            )
            for one in result.request.queries
        ),
    )
    return SearchRecord(
        format=FORMAT,
        edgepatent=__version__,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        model=RecordedModel(info.name, info.space, bundle_digest(searcher)),
        indexes=indexes,
        queries=[RecordedView(view.name, view.sha256, view.quarters) for view in result.views],
        request=request,
        hits=[
            RecordedHit(hit.rank, round(hit.score, 6), hit.patent_id, drawing_name(hit))
            for hit in result.answer.hits
        ],
        timings_ms={name: round(value, 2) for name, value in result.timings_ms.items()},
    )
