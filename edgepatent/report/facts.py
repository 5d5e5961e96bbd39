"""The bibliography of a design in words, fact by fact: for tables, spreadsheets and pages."""

import re
from collections.abc import Callable

from edgepatent_runtime.record import Bibliography, Related

_US_APPLICATION = re.compile(r"US([0-9]{2})([0-9]{3})([0-9]{3})")


def application_number(number: str | None) -> str:
    """An application as its office writes it: "29/680,800" for "US29680800"."""
    match = _US_APPLICATION.fullmatch(number or "")
    return f"{match[1]}/{match[2]},{match[3]}" if match else number or ""


def related(one: Related) -> str:
    """What a design builds upon: "division of USD0866858 (29/647,169, 2018-05-10)"."""
    link = {"publication": "published as", "priority": "priority of"}.get(
        one.kind, f"{one.kind} of" if one.kind != "related" else "related to"
    )
    known = [application_number(one.application), one.date or ""]
    if one.patent is None:
        return f"{link} {' '.join(filter(None, known))}".strip()
    beside = ", ".join(filter(None, known))
    return f"{link} {one.patent} ({beside})" if beside else f"{link} {one.patent}"


FACTS: dict[str, Callable[[Bibliography], str]] = {
    "applicant": lambda known: "; ".join(known.applicants),
    "assignee": lambda known: "; ".join(known.assignees),
    "inventor": lambda known: "; ".join(known.inventors),
    "country": lambda known: known.country or "",
    "uspc": lambda known: ", ".join(known.uspc),
    "application": lambda known: application_number(known.application),
    "filed": lambda known: known.filed or "",
    "related": lambda known: "; ".join(map(related, known.related)),
}
"""What can be shown of a design besides number, title, date and Locarno class."""

LABELS = {
    "applicant": "Applicant",
    "assignee": "Assignee",
    "inventor": "Inventor",
    "country": "Country",
    "uspc": "US class",
    "application": "Application",
    "filed": "Filed",
    "related": "Related",
}


def listed(known: Bibliography) -> list[tuple[str, str]]:
    """Label and value of all facts that are known."""
    values = [(LABELS[name], FACTS[name](known)) for name in FACTS]
    # Mostly the applicant is the assignee: said once.
    if known.applicants == known.assignees:
        values = [one for one in values if one[0] != LABELS["assignee"]]
    return [(label, value) for label, value in values if value]
