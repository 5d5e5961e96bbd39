"""The bibliography of a grant, from the parts of its XML that hold it, of v4 and of PATDOC.

Element names: the USPTO's DTDs, which also say which ST.32 number (B721) means the same.
"""

from collections.abc import Iterable, Iterator
from xml.etree.ElementTree import Element

from edgepatent_runtime import dates, uspc
from edgepatent_runtime.patent_id import canonical
from edgepatent_runtime.record import Bibliography, Related

_V4 = "us-bibliographic-data-grant"
SECTIONS = frozenset(
    {
        (_V4, "application-reference"),
        (_V4, "priority-claims"),
        (_V4, "classification-national"),
        (_V4, "us-related-documents"),
        (_V4, "related-documents"),
        (_V4, "us-parties"),
        (_V4, "parties"),
        (_V4, "assignees"),
        ("SDOBI", "B200"),
        ("SDOBI", "B300"),
        ("SDOBI", "B500", "B520"),
        ("SDOBI", "B600"),
        ("SDOBI", "B700"),
    }
)
"""The paths below the root of the parts that `read` wants. Citations are in none of them."""

_KINDS = {
    "addition": "addition", "B610": "addition",
    "division": "division", "B620": "division",
    "continuation": "continuation", "B631": "continuation",
    "continuation-in-part": "continuation-in-part", "B632": "continuation-in-part",
    "continuing-reissue": "reissue", "B633": "reissue",
    "reissue": "reissue", "B640": "reissue", "us-divisional-reissue": "reissue",
    "related-publication": "publication", "B650": "publication",
    "substitution": "substitution", "B660": "substitution",
    "us-provisional-application": "provisional", "B680US": "provisional",
}  # fmt: skip
_APPLICANTS = (
    "./*/us-applicants/us-applicant",
    "./*/applicants/applicant",
    "./B700/B710/B711/PARTY-US",
)
_INVENTORS = (
    "./*/inventors/inventor",
    "./*/inventors/deceased-inventor",
    "./B700/B720/B721/PARTY-US",
)
_ASSIGNEES = ("./assignees/assignee", "./B700/B730/B731/PARTY-US")
_COUNTRIES = (".//address/country", ".//residence/country", ".//nationality/country", ".//CTRY")


def read(sections: Iterable[Element]) -> Bibliography:
    """What the parts say; what they do not say is empty."""
    page = Element("page")
    page.extend(sections)
    applied = _all(page, _APPLICANTS)
    # Before 2012 the inventors were listed as applicants.
    applicants = [one for one in applied if one.get("app-type") != "applicant-inventor"]
    inventors = [one for one in applied if one not in applicants] + _all(page, _INVENTORS)
    assignees = _all(page, _ASSIGNEES)
    country = next(filter(None, map(_country, (*assignees, *applicants, *inventors))), None)
    number, filed = _text(page, _NUMBERS), _date(page, _DATES)
    return Bibliography(
        applicants=_names(applicants),
        assignees=_names(assignees),
        inventors=_names(inventors),
        country=country,
        uspc=_classes(page),
        application=_number("US", number),
        filed=filed,
        related=tuple(dict.fromkeys((*_related(page), *_priorities(page)))),
    )


_NUMBERS = ("./application-reference/document-id/doc-number", "./B200/B210/DNUM")
_DATES = ("./application-reference/document-id/date", "./B200/B220/DATE")


def _all(page: Element, paths: Iterable[str]) -> list[Element]:
    return [found for path in paths for found in page.findall(path)]


def _text(element: Element, paths: Iterable[str]) -> str:
    """The text of the first element on one of the paths; "" where there is none."""
    for path in paths:
        found = element.find(path)
        if found is not None:
            return _words(found)
    return ""


def _words(element: Element) -> str:
    return " ".join("".join(element.itertext()).split())


def _date(element: Element, paths: Iterable[str]) -> str | None:
    return dates.parse(_text(element, paths))


def _number(country: str, number: str) -> str | None:
    bare = "".join(number.replace("/", "").replace(",", "").split())
    return f"{country}{bare}" if bare else None


def _names(parties: Iterable[Element]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, map(_name, parties))))


def _name(party: Element) -> str:
    firm = _text(party, (".//orgname", ".//ONM"))
    first = _text(party, (".//first-name", ".//FNM"))
    last = _text(party, (".//last-name", ".//SNM"))
    return firm or f"{first} {last}".strip() or _text(party, (".//name",))


def _country(party: Element) -> str | None:
    code = _text(party, _COUNTRIES).upper()
    if len(code) == 2 and code.isascii() and code.isalpha():
        return code
    # PATDOC says no country where it is the office's own, but the state.
    return "US" if party.find(".//STATE") is not None else None


def _classes(page: Element) -> tuple[str, ...]:
    found = _all(
        page,
        (
            "./classification-national/main-classification",
            "./classification-national/further-classification",
            "./B520/B521",
            "./B520/B522",
        ),
    )
    # Columns: white space inside counts.
    codes = (uspc.parse("".join(one.itertext())) for one in found)
    return tuple(dict.fromkeys(code for code in codes if code is not None))


def _related(page: Element) -> Iterator[Related]:
    for section in _all(page, ("./us-related-documents", "./related-documents", "./B600")):
        for element in section.iter():
            kind = _KINDS.get(element.tag)
            if kind is not None:
                yield from _parents(element, kind)


def _parents(element: Element, kind: str) -> Iterator[Related]:
    parents = [*element.iter("parent-doc"), *element.iter("PARENT-US")] or [element]
    for parent in parents:
        own = ("./document-id", "./PDOC/DOC", "./DOC")
        granted = ("./parent-grant-document/document-id", "./PPUB/DOC")
        application, date = _document(parent, own)
        patent, _ = _document(parent, granted)
        if application or patent:
            yield Related(kind, application, canonical(patent) if patent else None, date)


def _document(element: Element, paths: Iterable[str]) -> tuple[str | None, str | None]:
    """Number, with the office before it, and date of a document."""
    for path in paths:
        found = element.find(path)
        if found is not None:
            number = _text(found, ("./doc-number", "./DNUM"))
            country = _text(found, ("./country", "./CTRY")) or "US"
            return _number(country, number), _date(found, ("./date", "./DATE"))
    return None, None


def _priorities(page: Element) -> Iterator[Related]:
    for claim in page.iterfind("./priority-claims/priority-claim"):
        number = _number(_text(claim, ("./country",)), _text(claim, ("./doc-number",)))
        if number:
            yield Related("priority", number, date=_date(claim, ("./date",)))
    # PATDOC lists number, date and country one after the other, claim after claim.
    number = date = ""
    for element in (one for section in page.iterfind("./B300") for one in section):
        if element.tag == "B310":
            number, date = _words(element), ""
        elif element.tag == "B320":
            date = _words(element)
        elif element.tag == "B330" and (full := _number(_words(element), number)):
            yield Related("priority", full, date=dates.parse(date))
