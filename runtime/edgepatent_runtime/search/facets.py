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
    filters = request.filters()
    if not request.queries and request.like is None:
        # Words alone rank, but only what holds them is found.
        filters = replace(filters, text=request.text)
    kinds: Counter[tuple[str, str | None]] = Counter()
    years: Counter[int] = Counter()
    indexes = {}
    any_kind: Filters = replace(filters, locarno=(), not_locarno=())
    any_date: Filters = replace(filters, since=None, before=None)
    any_owner: Filters = replace(filters, applicants=(), not_applicants=())
    any_uspc: Filters = replace(filters, uspc=())
    terms = {
        "applicant": any_owner,
        "uspc": any_uspc,
        "uspc class": any_uspc,
        "country": replace(filters, countries=()),
    }
    counted: dict[str, Counter[str]] = {field: Counter() for field in terms}
    for store in stores:
        with store.moment() as moment:
            for (klass, subclass), count in moment.tally(("klass", "subclass"), any_kind):
                if klass is not None:
                    kinds[klass, subclass] += count
            for (year,), count in moment.tally(("year",), any_date):
                if year is not None:
                    years[int(year)] += count
            for field, others in terms.items():
                for (value,), count in moment.tally((field,), others):
                    if value is not None:
                        counted[field][value] += count
            indexes[store.name] = sum(count for _, count in moment.tally((), filters))
    return Facets(
        kinds=dict(sorted(kinds.items(), key=lambda one: (one[0][0], one[0][1] or ""))),
        years=dict(sorted(years.items())),
        indexes=indexes,
        applicants=_frequent(counted["applicant"]),
        uspc=_frequent(counted["uspc class"] + counted["uspc"]),
        countries=_frequent(counted["country"]),
    )


def _frequent(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda one: (-one[1], one[0])))
