"""What a matter prints: the report, and the table of the designs it decides about."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from edgepatent import __version__
from edgepatent.matter import RATINGS, Decision, Matter, Rating
from edgepatent.report import disclosure, filing
from edgepatent.report.asked import in_words
from edgepatent.report.build import stored_card
from edgepatent.report.facts import FACTS
from edgepatent.report.page import LARGE, Card, PageContent, Picture, picture
from edgepatent.report.spreadsheet import Cell, Table
from edgepatent_runtime.errors import DrawingError, InputError
from edgepatent_runtime.index import Index
from edgepatent_runtime.record import NO_BIBLIOGRAPHY
from edgepatent_runtime.search import sheets
from edgepatent_runtime.search.request import Query

COLUMNS = [
    "patent_id", "rating", "shortlisted", "note", "locarno", "title", "date", "path", "changed"
]  # fmt: skip
_ORDER: dict[Rating | None, int] = {one: place for place, one in enumerate((*RATINGS, None))}


class MatterSummary(msgspec.Struct, frozen=True):
    """A matter in the list of all."""

    title: str
    folder: str
    created: str
    searches: int
    decisions: int


def summary(matter: Matter) -> MatterSummary:
    """A matter in a line."""
    info = matter.info
    counts = len(matter.searches()), len(matter.decisions())
    return MatterSummary(info.title, str(matter.folder), info.created, *counts)


def indexes(matter: Matter, named: Sequence[Path | str]) -> Sequence[Path | str]:
    """The indexes that are ``named``, or those that the matter's last search was of.

    Raises `InputError` where there are neither.
    """
    if named:
        return named
    for name in reversed(matter.searches()):
        return [index.path for index in matter.search(name).indexes]
    raise InputError(f"{matter.folder} holds no search: name the index of its designs with --index")


def page_content(matter: Matter, index: Index) -> PageContent:
    """The report: queries, then every design that is not noise, the shortlist first."""
    searches = [matter.search(name) for name in matter.searches()]
    queries = {str(query): query for search in searches for query in search.request.queries}
    designs = [one for one in ordered(matter) if one.rating != "noise"]
    noise = len(matter.noise())
    notes = [f"Searched {search.created[:16].replace('T', ' ')} UTC: {in_words(search.request)}, "
             f"{len(search.hits)} hits" for search in searches]  # fmt: skip
    gone = [one.patent_id for one in designs if one.patent_id not in index]
    if gone:
        notes.append(f"Not indexed any more: {', '.join(gone)}")
    facts = [
        ("Matter", matter.info.title),
        ("Begun", matter.info.created[:10]),
        ("Designs", f"{len(designs)}, and {noise} rated noise"),
        ("Program", f"edgepatent {__version__}"),
    ]
    return PageContent(
        title=matter.info.title,
        facts=facts,
        notes=notes,
        queries=[one for query in queries.values() for one in _pictures(query)],
        cards=list(_cards(designs, index)),
        order="the shortlist first",
        one="design",
        running=matter.info.title,
        records=[
            (f"The record of search {name}", filing.encode(search).decode().splitlines())
            for name, search in zip(matter.searches(), searches, strict=True)
        ],
    )


def designs_for_spreadsheets(matter: Matter, index: Index) -> Table:
    """One row a design, noise included, in the order of the report."""
    rows: list[list[Cell]] = []
    pictures = []
    for one in ordered(matter):
        patent = index.get(one.patent_id)
        known = NO_BIBLIOGRAPHY if patent is None else patent.bibliography
        rows.append([
            one.patent_id,
            one.rating,
            "yes" if one.shortlisted else "",
            one.note,
            patent.locarno if patent else None,
            patent.title if patent else None,
            patent.date if patent else None,
            str(patent.drawings[0].image) if patent else "",
            one.changed,
            *(fact(known) for fact in FACTS.values()),
        ])  # fmt: skip
        pictures.append(patent.drawings[0].thumbnail() if patent else None)
    return Table([*COLUMNS, *FACTS], rows, pictures)


def disclosed(matter: Matter, index: Index) -> str:
    """The designs on the shortlist and those rated relevant, as a disclosure statement."""
    numbers = [
        one.patent_id
        for one in ordered(matter)
        if one.rating != "noise" and (one.shortlisted or one.rating == "relevant")
    ]
    known = {number: patent for number in numbers if (patent := index.get(number)) is not None}
    missing = [number for number in numbers if number not in known]
    return "\n".join(disclosure.lines(list(known.values()), missing)) + "\n"


def ordered(matter: Matter) -> list[Decision]:
    """Decisions that say something: the shortlist first, then by rating."""
    said = [one for one in matter.decisions().values() if one.rating or one.note or one.shortlisted]
    return sorted(said, key=lambda one: (not one.shortlisted, _ORDER[one.rating]))


def _cards(designs: list[Decision], index: Index) -> Iterator[Card]:
    number = 0
    for one in designs:
        if one.patent_id in index:
            number += 1
            yield stored_card(index[one.patent_id], number, one)


def _pictures(query: Query) -> list[Picture]:
    """A picture of each page that was searched with."""
    where = query.path.rpartition("/")[2]
    try:
        pages = [part.page for part in sheets.parts(Path(query.path), query, whole=True)]
    except DrawingError:
        return [picture(None, LARGE, label="Query", where=where)]
    return [picture(page, LARGE, label="Query", where=where) for page in pages]
