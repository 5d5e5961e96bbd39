"""The numbers of a matter as a US Information Disclosure Statement lists them.

Columns and order are those of form PTO/SB/08a (37 CFR 1.98(b)): US patents, then foreign patent
documents, each with a cite number. Whether and which to cite is for whoever signs.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from edgepatent_runtime.search.results import Patent

_US = re.compile(r"USD0*([0-9]{1,7})")
_FOREIGN = re.compile(r"([A-Z]{2})[ -]?([0-9].*)")
# From this issue date on the office prints S1 where it printed S.
_S1 = "2001-01-02"


class _Cited(NamedTuple):
    country: str
    number: str
    kind: str
    issued: str
    name: str


def lines(patents: Sequence[Patent], missing: Sequence[str] = ()) -> Iterator[str]:
    """The statement, line by line; ``missing`` are numbers of which nothing is known."""
    cited = [_cited(one) for one in patents] + [_bare(number) for number in missing]
    domestic = [one for one in cited if one.country == "US"]
    foreign = [one for one in cited if one.country not in ("US", "")]
    other = [one for one in cited if not one.country]
    yield "INFORMATION DISCLOSURE STATEMENT BY APPLICANT"
    yield from _section("U.S. PATENTS", ("Patent Number", "Kind"), domestic, 1)
    yield from _section(
        "FOREIGN PATENT DOCUMENTS", ("Document Number", "Kind"), foreign, 1 + len(domestic)
    )
    yield from _section(
        "DOCUMENTS WITHOUT AN OFFICE'S NUMBER", ("Document", ""), other, 1 + len(cited) - len(other)
    )


def _section(
    title: str, names: tuple[str, str], cited: Sequence[_Cited], first: int
) -> Iterator[str]:
    if not cited:
        return
    foreign = title.startswith("FOREIGN")
    yield ""
    yield title
    yield _row("Cite", names[0], names[1], "Issue Date", "Name of Patentee or Applicant")
    for number, one in enumerate(cited, start=first):
        shown = f"{one.country} {one.number}" if foreign else one.number
        yield _row(str(number), shown, one.kind, one.issued, one.name)


def _row(cite: str, number: str, kind: str, issued: str, name: str) -> str:
    return f"{cite:<5} {number:<18} {kind:<5} {issued:<11} {name}".rstrip()


def _cited(patent: Patent) -> _Cited:
    names = patent.bibliography.owners or ("",)
    name = names[0] + (" et al." if len(names) > 1 else "")
    issued = patent.date or ""
    bare = _bare(patent.patent_id)
    kind = ("S1" if issued >= _S1 else "S") if bare.country == "US" and issued else ""
    return bare._replace(kind=kind, issued=issued, name=name)


def _bare(number: str) -> _Cited:
    if match := _US.fullmatch(number):
        return _Cited("US", f"D{int(match[1]):,}", "", "", "")
    if match := _FOREIGN.fullmatch(number):
        return _Cited(match[1], match[2], "", "", "")
    return _Cited("", number, "", "", "")
