"""From a result to what the page shows: pictures, facts, cards."""

from pathlib import Path

import numpy as np

from edgepatent.report import facts
from edgepatent.report.document import drawing_name, searched_with
from edgepatent.report.page import LARGE, SMALL, Card, PageContent, Picture, encoded, picture
from edgepatent.report.table import verdict
from edgepatent_runtime import locarno, sources
from edgepatent_runtime.errors import DrawingError
from edgepatent_runtime.index import Index
from edgepatent_runtime.search.results import Drawing, Hit, Patent, Result


def page_content(result: Result, index: Index) -> PageContent:
    """All that the page of a result shows."""
    return PageContent(
        title="Patent drawing search",
        facts=_facts(result, index),
        notes=_notes(result),
        queries=_queries(result, index),
        cards=[_card(hit, result) for hit in result.unfolded],
        folded=[_card(hit, result) for hit in result.folded],
    )


def _facts(result: Result, index: Index) -> list[tuple[str, str]]:
    from datetime import datetime

    from edgepatent import __version__

    info = index.bundle.info
    request = result.request
    known = [
        ("Searched", datetime.now().astimezone().isoformat(" ", timespec="minutes")),
        ("In", ", ".join(result.indexes)),
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
        ("Applicant", ", ".join(request.applicants)),
        ("Without applicant", ", ".join(request.not_applicants)),
        ("US class", ", ".join(request.uspc)),
        ("Country", ", ".join(request.countries)),
        ("Family of", ", ".join(request.families)),
        ("Without family of", ", ".join(request.not_families)),
        ("Patents", ", ".join(request.patents)),
        ("Without patents", ", ".join(request.not_patents)),
    )
    return known + [(label, value) for label, value in named if value]


def _notes(result: Result) -> list[str]:
    notes = [f"{line[:1].upper()}{line[1:]}." for line in searched_with(result)]
    notes += [
        f"{view.name} was turned by {90 * view.quarters}° to the left."
        for view in result.views
        if view.quarters
    ]
    if not result.hits:
        notes.append("No indexed drawing passes the filters.")
    if result.answer.doubt is not None:
        notes.append(result.answer.doubt[:1].upper() + result.answer.doubt[1:] + ".")
    return notes


def _queries(result: Result, index: Index) -> list[Picture]:
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
    patent = index[result.request.like]
    return [
        picture(
            found.pixels(),
            LARGE,
            label=f"{patent.patent_id} {_figure(found)}",
            where=str(found.image),
        )
        for found in patent.drawings
    ]


def _card(hit: Hit, result: Result) -> Card:
    pictures = [
        picture(
            found.pixels(),
            LARGE if place == 0 else SMALL,
            label=f"{hit.patent_id} {_figure(found)}" if place == 0 else _figure(found),
            where=drawing_name(hit, place) if place == 0 else Path(found.path).name,
            score=None if np.isnan(found.score) else found.score,
        )
        for place, found in enumerate(hit.drawings)
    ]
    place = _place(hit.drawings[0])
    code = hit.locarno or hit.subclass or hit.klass
    return Card(
        rank=hit.rank,
        score=hit.score if result.cosines else None,
        verdict=verdict(hit) or None,
        patent_id=hit.patent_id,
        locarno=code,
        locarno_name=locarno.name(hit.locarno) if hit.locarno else None,
        title=hit.title,
        date=hit.date,
        index=hit.index if len(result.indexes) > 1 else None,
        facts=facts.listed(hit.bibliography),
        best=pictures[0],
        others=[place, *pictures[1:]] if place else pictures[1:],
    )


def _place(found: Drawing) -> Picture | None:
    """The sheet that a figure lies on, with its box; None for a whole page, or without its file."""
    from edgepatent.report.place import marked

    box = found.image.box
    if box is None:
        return None
    try:
        page = sources.read_page(found.image)
    except DrawingError:
        return None
    name = f"FIG. {found.figure}" if found.figure else "the figure"
    return encoded(marked(page, box, SMALL), label=f"{name} on its sheet", where="")


def stored_card(patent: Patent, rank: int, *, decided: str, note: str | None) -> Card:
    """A patent that nothing was compared with, and what was decided about it."""
    pictures = [
        picture(
            found.pixels(),
            LARGE if place == 0 else SMALL,
            label=f"{patent.patent_id} {_figure(found)}" if place == 0 else _figure(found),
            where=str(found.image) if place == 0 else Path(found.path).name,
        )
        for place, found in enumerate(patent.drawings)
    ]
    return Card(
        rank=rank,
        score=None,
        patent_id=patent.patent_id,
        locarno=patent.locarno or patent.subclass or patent.klass,
        locarno_name=locarno.name(patent.locarno) if patent.locarno else None,
        title=patent.title,
        date=patent.date,
        index=None,
        facts=facts.listed(patent.bibliography),
        best=pictures[0],
        others=pictures[1:],
        decided=decided or None,
        note=note,
    )


def _figure(found: Drawing) -> str:
    parts = [f"FIG. {found.figure}" if found.figure else "drawing"]
    if found.view:
        parts.append(found.view)
    return ", ".join(parts)
