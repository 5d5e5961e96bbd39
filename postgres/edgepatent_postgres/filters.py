"""Filters as conditions of the table ``patents``: those of a folder's catalog, in PostgreSQL."""

from typing import Any

from edgepatent_postgres import words
from edgepatent_runtime.collection import terms
from edgepatent_runtime.filters import Filters

# As of a generation, or before a date.
_ROWS_THEN = (
    "coalesce((SELECT max(rows) FROM history "
    "WHERE generation <= %s OR since < %s::date AT TIME ZONE 'UTC'), 0)"
)
_TERM = "SELECT patent FROM terms WHERE kind = %s"
# Those that share a document with one of these, or with one that does.
_FAMILIES = """
    WITH RECURSIVE family (member) AS (
        SELECT id FROM patents WHERE patent_id = ANY(%s)
        UNION
        SELECT patent FROM terms WHERE kind = %s AND key = ANY(%s)
        UNION
        SELECT other.patent FROM family
        JOIN terms AS own ON own.patent = member AND own.kind = %s
        JOIN terms AS other ON other.key = own.key AND other.kind = %s
    ) SELECT member FROM family
"""


def where(filters: Filters) -> tuple[str, list[Any]]:
    """The condition on ``patents`` that ``filters`` make, and its parameters."""
    conditions: list[str] = []
    parameters: list[Any] = []

    def add(condition: str, *values: Any) -> None:
        conditions.append(condition)
        parameters.extend(values)

    for codes, negation in ((filters.locarno, ""), (filters.not_locarno, "NOT ")):
        if codes:
            add(
                f"{negation}(coalesce(locarno, '') = ANY(%s) OR coalesce(subclass, '') = ANY(%s) "
                "OR coalesce(klass, '') = ANY(%s))",
                *[list(codes)] * 3,
            )
    if filters.since is not None:
        add("date >= %s", filters.since)
    if filters.before is not None:
        add("date < %s", filters.before)
    for names, negation in ((filters.applicants, ""), (filters.not_applicants, "NOT ")):
        if names:
            # Whole words: "apple" is in "apple inc", not in "applebee s".
            there = " OR ".join(
                ["position(' ' || %s || ' ' in ' ' || key || ' ') > 0"] * len(names)
            )
            add(f"patents.id {negation}IN ({_TERM} AND ({there}))", terms.APPLICANT, *names)
    if filters.uspc:
        add(
            f"patents.id IN ({_TERM} AND key = ANY(%s) UNION {_TERM} AND key = ANY(%s))",
            terms.USPC, list(filters.uspc), terms.USPC_CLASS, list(filters.uspc),
        )  # fmt: skip
    if filters.countries:
        add(f"patents.id IN ({_TERM} AND key = ANY(%s))", terms.COUNTRY, list(filters.countries))
    for ids, negation in ((filters.families, ""), (filters.not_families, "NOT ")):
        if ids:
            wanted = list(ids)
            add(
                f"patents.id {negation}IN ({_FAMILIES})",
                wanted, terms.FAMILY, wanted, terms.FAMILY, terms.FAMILY,
            )  # fmt: skip
    if (added := filters.added_to_one) is not None:
        # Designs whose first drawing came since. From the new rows, for those are few.
        then = (added, None) if isinstance(added, int) else (-1, added)
        add(
            f"patents.id IN (SELECT patent FROM drawings WHERE row >= {_ROWS_THEN}) AND NOT EXISTS "
            f"(SELECT 1 FROM drawings WHERE patent = patents.id AND row < {_ROWS_THEN})",
            *then, *then,
        )  # fmt: skip
    for ids, negation in ((filters.patents, ""), (filters.not_patents, "NOT ")):
        if ids:
            add(f"{negation}patent_id = ANY(%s)", list(ids))
    if filters.titled is not None:
        add(f"trim(coalesce(title, '')) {'<>' if filters.titled else '='} ''")
    if filters.text and filters.text.strip():
        match = words.Match(filters.text)
        add(match.condition, *match.parameters)
    return " AND ".join(conditions) or "true", parameters
