"""Which drawings may be found: conditions on their patents."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields

from edgepatent_runtime import dates, locarno, parties, patent_id, uspc
from edgepatent_runtime.errors import InputError

# As many as there may be shards, each of what a store can count to.
_OF_SHARDS = re.compile(r"\d{1,18}(?:\+\d{1,18}){1,99999}", re.ASCII)


@dataclass(frozen=True)
class Filters:
    """Which drawings may be found. Empty fields let everything pass.

    ``locarno`` and ``not_locarno``: Locarno codes, "06-01" or a whole class "06" (or the labels of
    a source's own taxonomy); ``since`` and ``before``: ISO dates, the first included, the second
    not (a drawing without a date passes neither); ``patents`` and ``not_patents``: canonical ids;
    ``text``: words that title or figure descriptions must hold (see `Scope.words`).
    ``applicants`` and ``not_applicants``: words that follow each other in the name of an applicant
    or owner (`parties.folded`); ``uspc``: US design classes, "D6-334" or a whole class "D6";
    ``countries``: two letters; ``families`` and ``not_families``: canonical ids, for the designs
    that share an application or a patent with one of these, directly or by way of others.
    ``added``: designs that came into the index after a generation of it, or on an ISO date (UTC)
    or later; of shards that are searched together, after the generation of each, "12+7".
    ``titled``: only designs with a title, or only those without.
    """

    locarno: tuple[str, ...] = ()
    not_locarno: tuple[str, ...] = ()
    since: str | None = None
    before: str | None = None
    patents: tuple[str, ...] = ()
    not_patents: tuple[str, ...] = ()
    text: str | None = None
    applicants: tuple[str, ...] = ()
    not_applicants: tuple[str, ...] = ()
    uspc: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    families: tuple[str, ...] = ()
    not_families: tuple[str, ...] = ()
    added: int | str | None = None
    titled: bool | None = None

    def __bool__(self) -> bool:
        return any(getattr(self, field.name) not in ((), None) for field in fields(self))

    @property
    def added_to_one(self) -> int | str | None:
        """``added`` as one index takes it. Raises `InputError` for generations of shards."""
        if generations(self.added) is not None:
            raise InputError(
                f"{self.added} are generations of shards that are searched together: for one "
                "index say --added GENERATION or DATE"
            )
        return self.added

    @classmethod
    def read(
        cls,
        *,
        locarno: Sequence[str] = (),
        not_locarno: Sequence[str] = (),
        since: str | None = None,
        before: str | None = None,
        patents: Sequence[str] = (),
        not_patents: Sequence[str] = (),
        text: str | None = None,
        applicants: Sequence[str] = (),
        not_applicants: Sequence[str] = (),
        uspc: Sequence[str] = (),
        countries: Sequence[str] = (),
        families: Sequence[str] = (),
        not_families: Sequence[str] = (),
        added: int | str | None = None,
    ) -> "Filters":
        """Filters as people write them: codes, ids, names and dates in any usual spelling.

        Raises `InputError` for a date, a US class, a country or a name that is none, and for a
        plain string where a list is meant.
        """
        return cls(
            locarno=tuple(map(_code, listed("locarno", locarno))),
            not_locarno=tuple(map(_code, listed("not_locarno", not_locarno))),
            since=_date(since),
            before=_date(before),
            patents=tuple(map(patent_id.canonical, listed("patents", patents))),
            not_patents=tuple(map(patent_id.canonical, listed("not_patents", not_patents))),
            text=text,
            applicants=tuple(map(_party, listed("applicants", applicants))),
            not_applicants=tuple(map(_party, listed("not_applicants", not_applicants))),
            uspc=tuple(map(_uspc, listed("uspc", uspc))),
            countries=tuple(map(_country, listed("countries", countries))),
            families=tuple(map(patent_id.canonical, listed("families", families))),
            not_families=tuple(map(patent_id.canonical, listed("not_families", not_families))),
            added=_added(added),
        )


def listed(name: str, given: Sequence[str]) -> tuple[str, ...]:
    """``given`` as a tuple of strings.

    Raises `InputError` for anything else: a plain string would be taken letter by letter.
    """
    if isinstance(given, str):
        raise InputError(f"{name} takes a list: write {name}=[{given!r}]")
    try:
        kept = tuple(given)
    except TypeError:
        raise InputError(f"{name} takes a list of strings, got {given!r}") from None
    for one in kept:
        if not isinstance(one, str):
            raise InputError(f"{name} takes a list of strings, got {one!r} in it")
    return kept


def _code(text: str) -> str:
    """A Locarno code in its canonical spelling, or the label of a source's own taxonomy."""
    return locarno.parse(text) or text.strip()


def generations(added: int | str | None) -> tuple[int, ...] | None:
    """The generation of each shard that ``added`` names; None for anything else."""
    if isinstance(added, str) and _OF_SHARDS.fullmatch(added):
        return tuple(map(int, added.split("+")))
    return None


def of_shards(each: Sequence[int]) -> int | str:
    """The generations of shards that are searched together, as ``added`` takes them."""
    return each[0] if len(each) == 1 else "+".join(map(str, each))


def later(one: int | str, other: int | str) -> int | str:
    """The generation, of each shard where there are several, that both have come to.

    ``other`` where they are not of as many shards: those that are there now.
    """
    if isinstance(one, int) and isinstance(other, int):
        return max(one, other)
    mine, theirs = generations(one), generations(other)
    if mine is None or theirs is None or len(mine) != len(theirs):
        return other
    return of_shards(list(map(max, mine, theirs)))


def _added(since: int | str | None) -> int | str | None:
    """A generation (a number, or its digits up to seven), one of each shard, or an ISO date."""
    if isinstance(since, int):
        # What a store can count to.
        if not 0 <= since < 1 << 63:
            raise InputError(f"there is no generation {since}")
        return since
    if since is None:
        return None
    if since.isascii() and since.isdecimal() and len(since) < 8:
        return int(since)
    return since if generations(since) is not None else _date(since)


def _party(text: str) -> str:
    name = parties.folded(text)
    if not name:
        raise InputError(f"there is no name in {text!r}")
    return name


def _uspc(text: str) -> str:
    code = uspc.parse(text)
    if code is None:
        raise InputError(f"{text!r} is no US design class: write D6-334, or D6 for the class")
    return code


def _country(text: str) -> str:
    code = text.strip().upper()
    if len(code) != 2 or not (code.isascii() and code.isalpha()):
        raise InputError(f"{text!r} is no country code: write its two letters, as in DE")
    return code


def _date(text: str | None) -> str | None:
    if text is None:
        return None
    found = dates.first_day(text) if isinstance(text, str) else None
    if found is None:
        raise InputError(f"{text!r} is not a date: write YYYY-MM-DD, or a year")
    return found
