"""How many designs there are of which kind, year and owner, under the filters of a question."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from edgepatent_runtime.filters import Filters
from edgepatent_runtime.search.request import Request
from edgepatent_runtime.search.searchable import Searchable


@dataclass(frozen=True, kw_only=True)
class Facets:
    """Numbers of patents that pass all filters of a request but the one that the facet is about.

    ``kinds`` by class and subclass (None where only the class is known), ``years`` by the year of
    their date, ``indexes`` by the name of who holds them. ``applicants`` (owners among them),
    ``uspc`` (whole US classes and their subclasses) and ``countries`` come most frequent first;
    what is not known is not counted. A patent in two indexes counts twice.
    """

    kinds: dict[tuple[str, str | None], int]
    years: dict[int, int]
    indexes: dict[str, int]
    applicants: dict[str, int]
    uspc: dict[str, int]
    countries: dict[str, int]


def facets(stores: Sequence[Searchable], request: Request) -> Facets:
    """Count what a request may find, and what it might if one filter were another."""
    kinds: Counter[tuple[str, str | None]] = Counter()
    years: Counter[int] = Counter()
    indexes = {}
    counted: dict[str, Counter[str]] = {field: Counter() for field in _OPEN}
    asked = _asked(stores, request)
    for store in stores:
        indexes[store.name] = 0
        with store.moment() as moment:
            for filters in asked:
                any_kind = replace(filters, locarno=(), not_locarno=())
                for (klass, subclass), count in moment.tally(("klass", "subclass"), any_kind):
                    if klass is not None:
                        kinds[klass, subclass] += count
                any_date = replace(filters, since=None, before=None)
                for (year,), count in moment.tally(("year",), any_date):
                    if year is not None:
                        years[int(year)] += count
                for field, without in _OPEN.items():
                    for (value,), count in moment.tally((field,), without(filters)):
                        if value is not None:
                            counted[field][value] += count
                indexes[store.name] += sum(count for _, count in moment.tally((), filters))
    return Facets(
        kinds=dict(sorted(kinds.items(), key=lambda one: (one[0][0], one[0][1] or ""))),
        years=dict(sorted(years.items())),
        indexes=indexes,
        applicants=_frequent(counted["applicant"]),
        uspc=_frequent(counted["uspc class"] + counted["uspc"]),
        countries=_frequent(counted["country"]),
    )


def _any_owner(filters: Filters) -> Filters:
    return replace(filters, applicants=(), not_applicants=())


def _any_uspc(filters: Filters) -> Filters:
    return replace(filters, uspc=())


def _any_country(filters: Filters) -> Filters:
    return replace(filters, countries=())


# What each of these is counted under: all filters but those that it is about.
_OPEN = {
    "applicant": _any_owner,
    "uspc": _any_uspc,
    "uspc class": _any_uspc,
    "country": _any_country,
}


def _asked(stores: Sequence[Searchable], request: Request) -> list[Filters]:
    """The filters of a request; where it has words alone, those of what these may find, disjoint:
    designs that hold them, and, where the model places them, designs without a title; all designs
    where nothing is called so (`bylook.guesses`).
    """
    filters = request.filters()
    images = bool(request.queries) or request.like is not None
    if request.text is None or (images and request.fuse):
        return [filters]
    from edgepatent_runtime.collection.words import spelled
    from edgepatent_runtime.search import bylook, words

    meant = words.meant(stores, request.text)
    right = spelled(request.text, meant)
    holding = replace(filters, text=right)
    if images or bylook.placed(stores, right)[0] is None:
        return [holding]
    if bylook.guesses(stores, request, meant):
        return [filters]
    return [replace(holding, titled=True), replace(filters, titled=False)]


def _frequent(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda one: (-one[1], one[0])))
