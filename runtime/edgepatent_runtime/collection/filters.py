"""Which drawings may be found: conditions on their patents."""

from dataclasses import dataclass
from typing import Any

import msgspec


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
        return self != Filters()


def match_words(text: str) -> str:
    """An FTS5 query for drawings that hold all words of ``text``: no operator is interpreted."""
    return " ".join('"' + word.replace('"', '""') + '"' for word in text.split())


def where(filters: Filters) -> tuple[str, list[Any]]:
    """The SQL condition on ``patents`` that ``filters`` make, and its parameters."""
    conditions: list[str] = []
    parameters: list[Any] = []
    for codes, negation in ((filters.locarno, ""), (filters.not_locarno, "NOT ")):
        if codes:
            marks = ",".join("?" * len(codes))
            conditions.append(
                f"{negation}(ifnull(locarno, '') IN ({marks}) OR ifnull(subclass, '') IN ({marks})"
                f" OR ifnull(klass, '') IN ({marks}))"
            )
            parameters += [*codes] * 3
    if filters.since is not None:
        conditions.append("date >= ?")
        parameters.append(filters.since)
    if filters.before is not None:
        conditions.append("date < ?")
        parameters.append(filters.before)
    for ids, negation in ((filters.patents, ""), (filters.not_patents, "NOT ")):
        if ids:
            conditions.append(f"patent_id {negation}IN (SELECT value FROM json_each(?))")
            parameters.append(msgspec.json.encode(ids).decode())
    if filters.text and filters.text.strip():
        conditions.append("id IN (SELECT rowid FROM words WHERE words MATCH ?)")
        parameters.append(match_words(filters.text))
    return " AND ".join(conditions) or "1", parameters
