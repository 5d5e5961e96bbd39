"""Filters as conditions of the catalog."""

from typing import Any

import msgspec

from edgepatent_runtime.collection import terms, words
from edgepatent_runtime.filters import Filters

# As of a generation, or before a date.
_ROWS_THEN = "ifnull((SELECT max(rows) FROM history WHERE generation <= ? OR since < ?), 0)"
_TERM = "SELECT patent FROM terms WHERE kind = ?"
# Those that share a document with one of these, or with one that does.
_FAMILIES = """
    WITH RECURSIVE family (member) AS (
        SELECT id FROM patents WHERE patent_id IN (SELECT value FROM json_each(?))
        UNION
        SELECT patent FROM terms WHERE kind = ? AND key IN (SELECT value FROM json_each(?))
        UNION
        SELECT other.patent FROM family
        JOIN terms AS own ON own.patent = member AND own.kind = ?
        JOIN terms AS other ON other.key = own.key AND other.kind = ?
    ) SELECT member FROM family
"""


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
    for names, negation in ((filters.applicants, ""), (filters.not_applicants, "NOT ")):
        if names:
            # Whole words: "apple" is in "apple inc", not in "applebee s".
            there = " OR ".join(["instr(' ' || key || ' ', ' ' || ? || ' ')"] * len(names))
            conditions.append(f"id {negation}IN ({_TERM} AND ({there}))")
            parameters += [terms.APPLICANT, *names]
    if filters.uspc:
        marks = ",".join("?" * len(filters.uspc))
        conditions.append(f"(id IN ({_TERM} AND key IN ({marks})) OR "
                          f"id IN ({_TERM} AND key IN ({marks})))")  # fmt: skip
        parameters += [terms.USPC, *filters.uspc, terms.USPC_CLASS, *filters.uspc]
    if filters.countries:
        conditions.append(f"id IN ({_TERM} AND key IN ({','.join('?' * len(filters.countries))}))")
        parameters += [terms.COUNTRY, *filters.countries]
    for ids, negation in ((filters.families, ""), (filters.not_families, "NOT ")):
        if ids:
            conditions.append(f"id {negation}IN ({_FAMILIES})")
            wanted = msgspec.json.encode(ids).decode()
            parameters += [wanted, terms.FAMILY, wanted, terms.FAMILY, terms.FAMILY]
    if (added := filters.added_to_one) is not None:
        # Designs whose first drawing came since. From the new rows, for those are few.
        conditions.append(
            f"id IN (SELECT patent FROM drawings WHERE row >= {_ROWS_THEN}) AND NOT EXISTS "
            f"(SELECT 1 FROM drawings WHERE patent = patents.id AND row < {_ROWS_THEN})"
        )
        parameters += [added, ""] * 2 if isinstance(added, int) else [-1, added] * 2
    for ids, negation in ((filters.patents, ""), (filters.not_patents, "NOT ")):
        if ids:
            conditions.append(f"patent_id {negation}IN (SELECT value FROM json_each(?))")
            parameters.append(msgspec.json.encode(ids).decode())
    if filters.titled is not None:
        conditions.append(f"trim(ifnull(title, '')) {'<>' if filters.titled else '='} ''")
    if filters.text and filters.text.strip():
        conditions.append("id IN (SELECT rowid FROM words WHERE words MATCH ?)")
        parameters.append(words.match(filters.text))
    return " AND ".join(conditions) or "1", parameters
