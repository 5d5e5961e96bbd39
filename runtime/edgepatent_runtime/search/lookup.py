"""Patents looked up by their number, in one or several stores."""

from collections.abc import Iterator, Sequence

from edgepatent_runtime.filters import Filters
from edgepatent_runtime.record import Record
from edgepatent_runtime.search.results import Drawing, Patent
from edgepatent_runtime.search.searchable import Moment, Searchable

# So many patents are looked up at once by who goes through all of them.
_BLOCK = 256


def numbers(stores: Sequence[Searchable]) -> list[str]:
    """The id of every patent, once, in the order in which they came."""
    found: dict[str, None] = {}
    for store in stores:
        with store.moment() as moment:
            found.update((number, None) for number, _ in moment.patents())
    return list(found)


def patents(stores: Sequence[Searchable], wanted: Sequence[str]) -> list[Patent]:
    """Those of the ids that are indexed, in this order, each from the first store that has it."""
    found: dict[str, Patent] = {}
    for store in stores:
        missing = tuple(number for number in wanted if number not in found)
        if missing:
            with store.moment() as moment:
                found.update(_patents(store, moment, missing))
    return [found[number] for number in wanted if number in found]


def everything(stores: Sequence[Searchable]) -> Iterator[Patent]:
    """Every patent, looked up as it is asked for; those that go meanwhile are left out."""
    listed = numbers(stores)
    for start in range(0, len(listed), _BLOCK):
        yield from patents(stores, listed[start : start + _BLOCK])


def _patents(store: Searchable, moment: Moment, wanted: tuple[str, ...]) -> dict[str, Patent]:
    """Those of the patents that a store holds, by their ids."""
    facts = moment.facts(moment.scope(Filters(patents=wanted)).rows().tolist())
    drawings: dict[str, list[Drawing]] = {}
    known: dict[str, Record] = {}
    for row in sorted(facts):
        record = facts[row].record
        known.setdefault(record.patent_id, record)
        drawings.setdefault(record.patent_id, []).append(Drawing.of(store, row, facts[row]))
    return {number: Patent.of(store, one, drawings[number]) for number, one in known.items()}
