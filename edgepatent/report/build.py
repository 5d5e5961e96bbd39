"""From a result to what the page shows: pictures, facts, cards."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from edgepatent.matter import Decision, Matter
from edgepatent.report import facts
from edgepatent.report.asked import in_words
from edgepatent.report.document import searched_with, why_no_hit
from edgepatent.report.page import (
    LARGE,
    SMALL,
    Card,
    PageContent,
    Picture,
    encode_png,
    encoded,
    picture,
    thumbnail_picture,
)
from edgepatent.report.table import found_by, found_by_label, verdict
from edgepatent_runtime import locarno, sources
from edgepatent_runtime.errors import DrawingError
from edgepatent_runtime.index import Index
from edgepatent_runtime.search.results import PRODUCT, Drawing, DrawingHit, Hit, Patent, Result

# A printed page has room for so many views beside the best drawing. Sharp are those that say most:
# a large sheet takes 20 ms, what the index keeps of it nothing.
MOST_VIEWS, SHARP = 8, 2


def page_content(result: Result, index: Index, matter: Matter | None = None) -> PageContent:
    """All that the page of a result shows, with what ``matter`` decided about its hits."""
    from edgepatent.report import filing

    decisions = {} if matter is None else matter.decisions()
    asked = in_words(result.request)
    record = filing.encode(filing.file(result, index)).decode()

    def cards(hits: Sequence[Hit]) -> list[Card]:
        return [_card(hit, result, decisions.get(hit.patent_id)) for hit in hits]

    return PageContent(
        title="Patent drawing search" if matter is None else matter.info.title,
        facts=_facts(result, index),
        notes=_notes(result),
        queries=_queries(result, index),
        cards=cards(result.unfolded),
        folded=cards(result.folded),
        running=asked if matter is None else f"{matter.info.title} · {asked}",
        records=[("The record of this search", record.splitlines())],
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
        ("Kin", "" if request.kin is None else f"{request.kin:g}"),
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
    """Lines as the terminal says them: those that begin with a file's name keep its case."""
    notes = [*searched_with(result)]
    notes += [
        f"{view.name} was turned by {90 * view.quarters}° to the left"
        for view in result.views
        if view.quarters
    ]
    if not result.hits:
        notes.append(f"no hit: {why_no_hit(result)}")
    if result.answer.doubt is not None:
        notes.append(result.answer.doubt)
    return notes


def _queries(result: Result, index: Index) -> list[Picture]:
    """The query's views: the images that were given, or the drawings of ``--like``."""
    if result.request.like is None:
        pictures = []
        for number, view in enumerate(result.views, start=1):
            label = f"Query view {number}" if len(result.views) > 1 else "Query"
            where = f"{view.name}, SHA-256 {view.sha256[:16]}"
            if view.contours:
                label = f"{label}: contours of the one before"
            shown = encode_png(view.page, LARGE, photograph=view.looks == PRODUCT)
            pictures.append(encoded(shown, label=label, where=where))
            if view.taken is not None:
                label = f"{label}, as it was photographed"
                photograph = encode_png(view.taken, LARGE, photograph=True)
                pictures.append(encoded(photograph, label=label, where=where))
        return pictures
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


def _found_by(hit: Hit, result: Result) -> list[tuple[str, str]]:
    """How words found a hit, as a fact about it, where that tells it from others."""
    label, way = found_by_label(result), found_by(hit)
    return [(label.capitalize(), way)] if label and way else []


def _like(hit: Hit, result: Result) -> list[tuple[str, str]]:
    """The hits that are folded into one, as a fact about it."""
    copies = [other.patent_id for other in result.like(hit)]
    return [(f"And {len(copies)} like it", ", ".join(copies))] if copies else []


def _card(hit: Hit, result: Result, decided: Decision | None) -> Card:
    pictures = _pictures(hit)
    place = _place(hit.drawings[0])
    return Card(
        rank=hit.rank,
        score=hit.cosine,
        verdict=verdict(hit) or None,
        patent_id=hit.patent_id,
        locarno=hit.locarno or hit.subclass or hit.klass,
        locarno_name=locarno.name(hit.locarno) if hit.locarno else None,
        title=hit.title,
        date=hit.date,
        index=hit.index if len(result.indexes) > 1 else None,
        facts=[*_found_by(hit, result), *_like(hit, result), *facts.listed(hit.bibliography)],
        best=pictures[0],
        others=[place, *pictures[1:]] if place else pictures[1:],
        left_out=len(hit.drawings) - len(pictures),
        decided=decided.in_words if decided else None,
        note=decided.note or None if decided else None,
    )


def _pictures(patent: Patent) -> list[Picture]:
    """The first drawings of a patent, the first of them large; later ones as the index has them."""
    found = []
    for place, one in enumerate(patent.drawings[: MOST_VIEWS + 1]):
        score = one.score if isinstance(one, DrawingHit) and not np.isnan(one.score) else None
        label, where = _figure(one), Path(one.path).name
        if place == 0:
            label, where = f"{patent.patent_id} {label}", str(one.image)
        small = one.thumbnail() if place > SHARP else None
        if small is not None:
            found.append(thumbnail_picture(small, label=label, where=where, score=score))
        else:
            side = SMALL if place else LARGE
            found.append(picture(one.pixels(), side, label=label, where=where, score=score))
    return found


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


def stored_card(patent: Patent, rank: int, decided: Decision) -> Card:
    """A patent that nothing was compared with, and what was decided about it.

    Sheets stand for their figures.
    """
    patent = msgspec.structs.replace(patent, drawings=_sheets(patent))
    pictures = _pictures(patent)
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
        left_out=len(patent.drawings) - len(pictures),
        decided=decided.in_words or None,
        note=decided.note or None,
    )


def _sheets(patent: Patent) -> list[Drawing]:
    """The drawings of a patent without the figures of sheets that are among them."""
    whole = {one.image for one in patent.drawings}
    return [
        one
        for one in patent.drawings
        if one.image.box is None or msgspec.structs.replace(one.image, box=None) not in whole
    ]


def _figure(found: Drawing) -> str:
    parts = [f"FIG. {found.figure}" if found.figure else "drawing"]
    if found.view:
        parts.append(found.view)
    return ", ".join(parts)
