"""The bibliography of a drawing as columns of ``metadata.csv`` or ``metadata.jsonl``, and back.

``applicant``, ``assignee``, ``inventor`` (several with ";" between them, for names have commas, or
a list in JSON), ``country`` (two letters), ``uspc`` (D6-334; several with a comma), ``application``
(its number), ``filed`` (a date) and ``related``: numbers of patents or applications that it builds
upon, each after the word for what it is where that is known ("division USD0866858").
"""

import re
from collections.abc import Iterator, Mapping

from edgepatent_runtime import dates, uspc
from edgepatent_runtime.patent_id import canonical
from edgepatent_runtime.record import NO_BIBLIOGRAPHY, Bibliography, Related

_DESIGN = re.compile("USD[0-9]{7}")
COLUMNS = (
    "applicant", "assignee", "inventor", "country", "uspc", "application", "filed", "related"
)  # fmt: skip


def read(row: Mapping[str, str]) -> Bibliography:
    """What a row says; what it does not say, or not so that it could be read, is empty."""
    if not any(row.get(name) for name in COLUMNS):
        return NO_BIBLIOGRAPHY
    country = row.get("country", "").upper()
    return Bibliography(
        applicants=_listed(row.get("applicant")),
        assignees=_listed(row.get("assignee")),
        inventors=_listed(row.get("inventor")),
        country=country if len(country) == 2 and country.isalpha() else None,
        uspc=uspc.parse_all(row.get("uspc")),
        application=row.get("application") or None,
        filed=dates.parse(row.get("filed")),
        related=tuple(map(_related, _listed(row.get("related")))),
    )


def write(known: Bibliography) -> dict[str, object]:
    """The columns of a row, as JSON has them."""
    return {
        "applicant": list(known.applicants),
        "assignee": list(known.assignees),
        "inventor": list(known.inventors),
        "country": known.country,
        "uspc": ", ".join(known.uspc),
        "application": known.application,
        "filed": known.filed,
        "related": [text for one in known.related for text in _written(one)],
    }


def _listed(text: str | None) -> tuple[str, ...]:
    names = (part.strip() for part in (text or "").split(";"))
    return tuple(dict.fromkeys(name for name in names if name))


def _related(text: str) -> Related:
    kind, _, number = text.rpartition(" ")
    if not kind.replace("-", "").isalpha():
        kind, number = "", text
    patent = canonical(number)
    if _DESIGN.fullmatch(patent):
        return Related(kind.lower() or "related", patent=patent)
    return Related(kind.lower() or "related", application=number)


def _written(one: Related) -> Iterator[str]:
    for number in (one.application, one.patent):
        if number:
            yield f"{one.kind} {number}"
