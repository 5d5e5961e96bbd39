"""Searches: hits, what narrows them, and the Locarno class of a query."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from starlette.datastructures import QueryParams
from starlette.requests import Request

from edgepatent.report import facts
from edgepatent.report.classified import (
    CalibrationEntry,
    classified,
)
from edgepatent.report.document import HitEntry, SearchDocument, document
from edgepatent.web import parameters
from edgepatent.web.desk import Desk
from edgepatent.web.operations import Operation
from edgepatent_runtime import locarno
from edgepatent_runtime.errors import InputError
from edgepatent_runtime.index import Index
from edgepatent_runtime.search.request import Query
from edgepatent_runtime.search.request import Request as Question
from edgepatent_runtime.search.results import Result, View

SUGGESTIONS = 6
# Values of a facet that are listed; there may be thousands of applicants.
MOST_NAMED = 12


class PageHit(HitEntry, frozen=True):
    """A hit, with what its pictures are found by, and what else is known of it in words."""

    place: int
    locarno_name: str | None
    facts: list[tuple[str, str]]


class PageAnswer(SearchDocument, frozen=True):
    """What ``search --json`` prints, with `PageHit`."""

    hits: list[PageHit]  # type: ignore[assignment]


class SubclassFacet(msgspec.Struct, frozen=True):
    """A Locarno subclass, or a label of a source's own taxonomy, and how many designs have it."""

    code: str
    name: str | None
    designs: int


class ClassFacet(msgspec.Struct, frozen=True):
    """A Locarno class with its subclasses."""

    code: str
    name: str | None
    designs: int
    subclasses: list[SubclassFacet]


class YearFacet(msgspec.Struct, frozen=True):
    """A year and how many designs are dated in it; years without any are listed too."""

    year: int
    designs: int


class NamedFacet(msgspec.Struct, frozen=True):
    """A value of a facet that is a plain list; ``value`` is the parameter."""

    value: str
    label: str
    designs: int


class FacetsEntry(msgspec.Struct, frozen=True):
    """How many designs a search might find, by what it can be narrowed by."""

    locarno: list[ClassFacet]
    years: list[YearFacet]
    applicants: list[NamedFacet]
    countries: list[NamedFacet]
    uspc: list[NamedFacet]
    index: list[NamedFacet]


class PageEvidence(msgspec.Struct, frozen=True):
    """A drawing that speaks for a class, with what its picture is found by."""

    patent_id: str
    title: str | None
    score: float
    place: int
    row: int


class PageSuggestion(msgspec.Struct, frozen=True):
    """A Locarno subclass with the drawings that speak for it."""

    locarno: str
    name: str | None
    confidence: float
    drawings: list[PageEvidence]


class PageClasses(msgspec.Struct, frozen=True):
    """Suggested subclasses, likeliest first."""

    suggestions: list[PageSuggestion]
    calibration: CalibrationEntry


def asked(desk: Desk, given: QueryParams) -> tuple[Index, Question, dict[str, list[View]]]:
    """What an address asks: of which index, what, with which views (by the query's path)."""
    case = given.get("matter") or None
    references = parameters.references(given)
    anyway, whole = (parameters.flag(given, name) for name in ("anyway", "whole"))
    photo = parameters.photo(given)
    views = {
        str(one): desk.views(one, case, anyway=anyway, whole=whole, photo=photo)
        for one in references
    }
    queries = tuple(Query(str(one), page=one.page, crop=one.crop) for one in references)
    hidden = desk.matter(case).noise() if case else frozenset[str]()
    return _index(desk, given), parameters.search(given, queries, hidden), views


def _index(desk: Desk, given: QueryParams) -> Index:
    """The index, or the parts of it that are named."""
    wanted = sorted(set(given.getlist("index")))
    if not wanted:
        return desk.index
    places = [int(text) for text in wanted if text.isascii() and text.isdecimal()]
    if len(places) < len(wanted) or max(places) >= len(desk.each):
        raise InputError(f"there is no index {wanted[-1][:20]!r} here")
    return desk.each[places[0]] if len(places) == 1 else desk.index.only(places)


async def search(desk: Desk, request: Request) -> PageAnswer:
    """Search."""

    def work() -> PageAnswer:
        index, question, views = asked(desk, request.query_params)
        found = index.search(question, given=views)
        references = parameters.references(request.query_params)
        names = [(str(one), desk.image(one.id).name) for one in references]
        return page_answer(found, names, desk.place)

    return await desk.ask(work)


def page_answer(
    result: Result, names: Sequence[tuple[str, str]], place: Callable[[str], int]
) -> PageAnswer:
    """A result as it is sent.

    ``names`` are how its queries are called, in place of how the request calls them; ``place`` says
    where an index stands, by its name.
    """
    found = document(result)
    hits = [
        PageHit(
            **_fields(hit),
            place=place(hit.index),
            locarno_name=locarno.name(hit.locarno) if hit.locarno else None,
            facts=facts.listed(hit.bibliography),
        )
        for hit in found.hits
    ]
    notes = found.notes
    for one, name in names:
        notes = [note.replace(one, name) for note in notes]
    told = {"query": [name for _, name in names] or found.query, "hits": hits, "notes": notes}
    return PageAnswer(**{**_fields(found), **told})


async def facets(desk: Desk, request: Request) -> FacetsEntry:
    """Count what the search may find."""

    def work() -> FacetsEntry:
        given = request.query_params
        case = given.get("matter") or None
        hidden = desk.matter(case).noise() if case else frozenset[str]()
        queries = tuple(Query(str(one)) for one in parameters.references(given))
        question = parameters.search(given, queries, hidden)
        found = _index(desk, given).facets(question)
        everywhere = found if _index(desk, given) is desk.index else desk.index.facets(question)
        classes: dict[str, list[SubclassFacet]] = {}
        totals: dict[str, int] = {}
        for (klass, subclass), designs in found.kinds.items():
            totals[klass] = totals.get(klass, 0) + designs
            below = classes.setdefault(klass, [])
            if subclass is not None:
                below.append(SubclassFacet(subclass, _name(subclass), designs))
        return FacetsEntry(
            [ClassFacet(one, _name(one), totals[one], below) for one, below in classes.items()],
            _years(found.years),
            _named(found.applicants, question.applicants),
            _named(found.countries, question.countries),
            _named(found.uspc, question.uspc),
            [
                NamedFacet(str(desk.place(name)), desk.label(desk.place(name)), designs)
                for name, designs in everywhere.indexes.items()
            ],
        )

    return await desk.ask(work)


def _named(found: dict[str, int], chosen: Sequence[str]) -> list[NamedFacet]:
    """The most frequent values, and those that are chosen."""
    shown = [*list(found)[:MOST_NAMED], *(one for one in chosen if one in found)]
    missing = [one for one in chosen if one not in found]
    return [NamedFacet(one, one, found.get(one, 0)) for one in dict.fromkeys([*shown, *missing])]


def _years(found: dict[int, int]) -> list[YearFacet]:
    if not found:
        return []
    return [YearFacet(year, found.get(year, 0)) for year in range(min(found), max(found) + 1)]


async def classify(desk: Desk, request: Request) -> PageClasses:
    """Suggest Locarno subclasses for the images."""

    def work() -> PageClasses:
        given = request.query_params
        references = parameters.references(given)
        if not references:
            raise InputError("there is no image to classify")
        anyway, case = parameters.flag(given, "anyway"), given.get("matter") or None
        views = {str(one): desk.views(one, case, anyway=anyway, whole=True) for one in references}
        found = desk.index.classify([Query(name) for name in views], given=views, anyway=anyway)
        printed = classified(found, desk.index, SUGGESTIONS)
        pairs = zip(printed.suggestions, found.suggestions, strict=False)
        return PageClasses(
            [
                PageSuggestion(
                    entry.locarno,
                    entry.name,
                    entry.confidence,
                    [
                        PageEvidence(
                            hit.patent_id,
                            hit.title,
                            round(hit.score, 6),
                            desk.place(hit.index),
                            hit.drawings[0].row,
                        )
                        for hit in suggestion.evidence[: len(entry.drawings)]
                    ],
                )
                for entry, suggestion in pairs
            ],
            printed.calibration,
        )

    return await desk.ask(work)


def _fields(struct: msgspec.Struct) -> dict[str, Any]:
    """The fields of a struct, unconverted."""
    return {name: getattr(struct, name) for name in struct.__struct_fields__}


def _name(code: str) -> str | None:
    return locarno.name(code) if locarno.parse(code) else None


OPERATIONS = [
    Operation("GET", "/api/search", search, "Search", PageAnswer, query=parameters.QUERY),
    Operation(
        "GET",
        "/api/facets",
        facets,
        "How many designs a search may find, by kind, year and index",
        FacetsEntry,
        query=parameters.QUERY,
    ),
    Operation(
        "GET",
        "/api/classify",
        classify,
        "Locarno subclasses for images, with the drawings that speak for each",
        PageClasses,
        query={name: parameters.QUERY[name] for name in ("image", "anyway", "matter")},
    ),
]
