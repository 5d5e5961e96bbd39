"""Which drawings may be found: conditions on their patents."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

from edgepatent_runtime import dates, locarno, patent_id
from edgepatent_runtime.errors import InputError


@dataclass(frozen=True)
class Filters:
    """Which drawings may be found. Empty fields let everything pass.

    ``locarno`` and ``not_locarno``: Locarno codes, "06-01" or a whole class "06" (or the labels of
    a source's own taxonomy); ``since`` and ``before``: ISO dates, the first included, the second
    not (a drawing without a date passes neither); ``patents`` and ``not_patents``: canonical ids;
    ``text``: words that title or figure descriptions must hold (all of them, stemmed).
    """

    locarno: tuple[str, ...] = ()
    not_locarno: tuple[str, ...] = ()
    since: str | None = None
    before: str | None = None
    patents: tuple[str, ...] = ()
    not_patents: tuple[str, ...] = ()
    text: str | None = None

    def __bool__(self) -> bool:
        return any(getattr(self, field.name) not in ((), None) for field in fields(self))

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
    ) -> "Filters":
        """Filters as people write them: codes, ids and dates in any usual spelling.

        Raises `InputError` for a date that is none, and for a plain string where a list is meant.
        """
        return cls(
            locarno=tuple(map(_code, listed("locarno", locarno))),
            not_locarno=tuple(map(_code, listed("not_locarno", not_locarno))),
            since=_date(since),
            before=_date(before),
            patents=tuple(map(patent_id.canonical, listed("patents", patents))),
            not_patents=tuple(map(patent_id.canonical, listed("not_patents", not_patents))),
            text=text,
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


def _date(text: str | None) -> str | None:
    if text is None:
        return None
    found = dates.parse(text) if isinstance(text, str) else None
    if found is None:
        raise InputError(f"{text!r} is not a date: write YYYY-MM-DD")
    return found
