"""Filters as conditions of the catalog."""

from typing import Any

import msgspec

from edgepatent_runtime.filters import Filters


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
