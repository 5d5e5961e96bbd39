"""What ``search --json`` prints: a result in plain values."""

import math
import os
from collections.abc import Sequence

import msgspec

from edgepatent_runtime.record import Bibliography
from edgepatent_runtime.search.results import PRODUCT, Drawing, Hit, Result, View


class DrawingEntry(msgspec.Struct, frozen=True):
    """A drawing of a hit; ``score`` is null where nothing was compared (a search by words).

    ``row`` is the index's number for it, until the index changes. ``path`` is the drawing as a
    person can open it; of a figure that was taken from its sheet ``sheet`` is the whole, and
    ``box`` its place there: x, y, width, height in pixels; null where the drawing is a whole page.
    """

    path: str
    figure: str | None
    score: float
    view: str | None
    row: int
    sheet: str | None = None
    box: tuple[int, int, int, int] | None = None


class HitEntry(msgspec.Struct, frozen=True):
    """A hit; ``index`` is who holds it, ``subclass`` the label of its source's own taxonomy too.

    ``score`` is what it was ranked by, ``cosine`` how alike it is to the query images: the same
    where these alone rank; null where it was compared with none. ``probability`` is how likely it
    is the same design, ``verdict`` the same in words ("the same design", "similar", "no close
    match"); both are null where the index cannot tell. ``like`` is the better hit that it is a
    near copy of, or of one family with; null for most. ``found_by`` says how words found it,
    "words" or "look"; null where an image alone did. ``folded`` says whether it is folded away
    where people read: see `Result.folded`. ``bibliography`` holds what is known of it besides (see
    `edgepatent_runtime.record`).
    """

    rank: int
    score: float
    patent_id: str
    locarno: str | None
    title: str | None
    date: str | None
    index: str
    subclass: str | None
    bibliography: Bibliography
    drawings: list[DrawingEntry]
    verdict: str | None
    probability: float | None
    like: str | None
    found_by: str | None
    folded: bool
    cosine: float | None


class SearchDocument(msgspec.Struct, frozen=True):
    """The JSON of a search. Several indexes are joined as in $PATH.

    ``searched`` is how many drawings could have been found, ``quarters`` how often each query view
    was turned to the left. ``doubt`` is why hits have no verdict, in a line; null where all have;
    ``notes`` are lines on what was made of query images and words.
    """

    query: list[str]
    space: str
    index: str
    plan: str
    searched: int
    quarters: list[int]
    hits: list[HitEntry]
    timings_ms: dict[str, float]
    doubt: str | None
    notes: list[str]


def document(result: Result) -> SearchDocument:
    """A result as it is printed."""
    names = [view.name for view in result.views]
    folded = {hit.rank for hit in result.folded}
    if result.request.like is not None:
        names.append(result.request.like)
    return SearchDocument(
        query=names,
        space=result.space,
        index=os.pathsep.join(result.indexes),
        plan=result.answer.plan,
        searched=result.answer.searched,
        quarters=[view.quarters for view in result.views],
        hits=[hit_entry(hit, folded=hit.rank in folded) for hit in result.hits],
        timings_ms={name: round(value, 2) for name, value in result.timings_ms.items()},
        doubt=result.answer.doubt,
        notes=searched_with(result),
    )


def no_drawings(views: Sequence[View]) -> list[str]:
    """What looks like anything but a drawing, in a line each."""
    return [
        f"{one.name} is taken for {one.looks}: searched as it is and by its contours"
        if one.looks == PRODUCT
        else f"{one.name} looks like {one.looks}, not a drawing"
        for one in views
        if one.looks
    ]


def searched_with(result: Result) -> list[str]:
    """What was made of the query, in a line each: pages chosen, sheets split, odd ones; of words,
    those that were forgiven or that nobody knows. Also whether all that follows is far.
    """
    lines = [*result.answer.notes]
    if result.nothing_close and result.request.min_confidence is None:
        lines.append("no close match: these are the nearest designs")
    sheets = [view for view in result.views if view.of is None]
    if len(sheets) > len(result.request.queries):
        names = ", ".join(view.name for view in sheets)
        lines.append(f"searched with {len(sheets)} pages as views of one design: {names}")
    for sheet in sheets:
        if sheet.taken is not None and sheet.looks != PRODUCT:
            lines.append(
                f"{sheet.name} shows a sheet on a table: searched with the sheet, laid flat"
            )
        anyway = "" if sheet.looks == PRODUCT else ": searched all the same"
        lines += [f"{line}{anyway}" for line in no_drawings([sheet])]
        figures = [
            view.name.rpartition("#")[2]
            for view in result.views
            if view.of == sheet.name and not view.contours
        ]
        if figures:
            numbers = [name.partition("figure=")[2] or "one without a number" for name in figures]
            lines.append(
                f"{sheet.name} shows {len(figures)} figures ({', '.join(numbers)}): searched with "
                "the sheet and each of them"
            )
    return lines


def hit_entry(hit: Hit, *, folded: bool = False) -> HitEntry:
    """A hit as it is printed."""
    return HitEntry(
        rank=hit.rank,
        score=round(hit.score, 6),
        patent_id=hit.patent_id,
        locarno=hit.locarno,
        title=hit.title,
        date=hit.date,
        index=hit.index,
        subclass=hit.subclass,
        bibliography=hit.bibliography,
        drawings=[drawing_entry(found, found.score) for found in hit.drawings],
        verdict=hit.verdict,
        probability=None if hit.probability is None else round(hit.probability, 4),
        like=hit.like,
        found_by=hit.found_by,
        folded=folded,
        cosine=None if hit.cosine is None else round(hit.cosine, 6),
    )


def drawing_entry(found: Drawing, score: float = math.nan) -> DrawingEntry:
    """A drawing as it is printed; NaN is written as null."""
    image = found.image
    return DrawingEntry(
        path=str(image),
        figure=found.figure,
        score=round(score, 6),
        view=found.view,
        row=found.row,
        sheet=None if image.box is None else str(msgspec.structs.replace(image, box=None)),
        box=image.box,
    )


def drawing_name(hit: Hit, place: int = 0) -> str:
    """Where a hit's drawing lies, page and box included, as a person can open it."""
    return str(hit.drawings[place].image)


def why_no_hit(result: Result) -> str:
    """Why an answer is empty, in words that say what else to ask."""
    request = result.request
    if request.min_confidence is not None:
        return f"none is the same design with a probability of {request.min_confidence:g} or more"
    from edgepatent_runtime.search.words import any_of

    some = any_of(request.text or "")
    if some is not None:
        return f"no indexed drawing passes the filters and has all words: '{some}' takes any"
    return "no indexed drawing passes the filters"
