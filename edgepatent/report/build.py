"""From a result to what the page shows: pictures, facts, cards."""

from io import BytesIO
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgepatent.report.document import drawing_name
from edgepatent.report.page import LARGE, SMALL, Card, PageContent, Picture, picture
from edgepatent.searching import Result, Searcher
from edgepatent_runtime import drawing, locarno, sources
from edgepatent_runtime.errors import DrawingError
from edgepatent_runtime.query import DrawingHit, Hit

Page = npt.NDArray[np.uint8]


def pixels(hit: Hit, found: DrawingHit, searcher: Searcher) -> Page | None:
    """A stored drawing's pixels: its file if it is here, else its thumbnail, else None."""
    try:
        return drawing.crop(sources.read_page(found.image), found.image.box)
    except DrawingError:
        pass
    if found.thumbnail is None:
        return None
    collection = next(c for c in searcher.collections if str(c.folder) == hit.collection)
    png = collection.thumbnail(found.thumbnail)
    if png is None:
        return None
    from PIL import Image

    return np.asarray(Image.open(BytesIO(png)).convert("L"))


def page_content(result: Result, searcher: Searcher) -> PageContent:
    """All that the page of a result shows."""
    return PageContent(
        title="Patent drawing search",
        facts=_facts(result, searcher),
        notes=_notes(result),
        queries=_queries(result, searcher),
        cards=[_card(hit, result, searcher) for hit in result.answer.hits],
    )


def _facts(result: Result, searcher: Searcher) -> list[tuple[str, str]]:
    from datetime import datetime

    from edgepatent import __version__

    info = searcher.bundle.info
    request = result.request
    facts = [
        ("Searched", datetime.now().astimezone().isoformat(" ", timespec="minutes")),
        ("In", ", ".join(request.indexes)),
        ("Drawings", f"{result.answer.searched:,}"),
        ("Model", f"{info.name}, space {info.space[:12]}"),
        ("Program", f"edgepatent {__version__}"),
    ]
    named = (
        ("Like", request.like),
        ("Words", request.text and f"{request.text} ({'ranked' if request.fuse else 'filter'})"),
        ("Locarno", ", ".join(request.locarno)),
        ("Without Locarno", ", ".join(request.not_locarno)),
        ("Since", request.since),
        ("Before", request.before),
        ("Patents", ", ".join(request.patents)),
        ("Without patents", ", ".join(request.not_patents)),
    )
    return facts + [(label, value) for label, value in named if value]


def _notes(result: Result) -> list[str]:
    notes = [
        f"{view.name} was turned by {90 * view.quarters}° to the left."
        for view in result.views
        if view.quarters
    ]
    if not result.answer.hits:
        notes.append("No indexed drawing passes the filters.")
    return notes


def _queries(result: Result, searcher: Searcher) -> list[Picture]:
    """The query's views: the images that were given, or the drawings of ``--like``."""
    if result.request.like is None:
        return [
            picture(
                view.page,
                LARGE,
                label=f"Query view {number}" if len(result.views) > 1 else "Query",
                where=f"{view.name}, SHA-256 {view.sha256[:16]}",
            )
            for number, view in enumerate(result.views, start=1)
        ]
    hit = searcher.drawings_of(result.request.like)
    return [
        picture(
            pixels(hit, found, searcher),
            LARGE,
            label=f"{hit.patent_id} {_figure(found)}",
            where=drawing_name(hit, place),
        )
        for place, found in enumerate(hit.drawings)
    ]


def _card(hit: Hit, result: Result, searcher: Searcher) -> Card:
    pictures = [
        picture(
            pixels(hit, found, searcher),
            LARGE if place == 0 else SMALL,
            label=f"{hit.patent_id} {_figure(found)}" if place == 0 else _figure(found),
            where=drawing_name(hit, place) if place == 0 else Path(found.path).name,
            score=None if np.isnan(found.score) else found.score,
        )
        for place, found in enumerate(hit.drawings)
    ]
    code = hit.locarno or hit.subclass or hit.klass
    return Card(
        rank=hit.rank,
        score=hit.score,
        patent_id=hit.patent_id,
        locarno=code,
        locarno_name=locarno.name(hit.locarno) if hit.locarno else None,
        title=hit.title,
        date=hit.date,
        index=hit.collection if len(result.request.indexes) > 1 else None,
        best=pictures[0],
        others=pictures[1:],
    )


def _figure(found: DrawingHit) -> str:
    parts = [f"FIG. {found.figure}" if found.figure else "drawing"]
    if found.view:
        parts.append(found.view)
    return ", ".join(parts)
