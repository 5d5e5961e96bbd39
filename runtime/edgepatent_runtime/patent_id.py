"""Patent numbers in every usual spelling, and what the USPTO's file names say.

The canonical id of a US design patent is office, kind and seven digits: ``USD0907292``.
"""

import re
from typing import NamedTuple

# "US D907,292 S1", "USD0907292-20210105", "Des. 907,292", "D0907292". The punctuation of people
# and offices may stand between the parts and inside the number, the kind code S or S1 and a
# grant date may follow.
_DESIGN = re.compile(
    r"""
    (?: (?P<office>US) [\s\-.]* )?
    (?: D | Des\.? ) [\s\-.]*
    (?P<number> [0-9]{1,3} (?:,[0-9]{3})+ | [0-9]{1,7} )
    (?: [\s\-]* S[1-9]? )?
    (?: [\s\-]+ [0-9]{8} )?
    """,
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)
# Fewer digits than this without "US" before them is rather a name ("d20") than a patent: the
# designs below 10000 were granted before 1878.
_DIGITS_WITHOUT_OFFICE = 5

_SHEET = re.compile(
    r"(?P<id>US[A-Z]{0,2}[0-9]{6,8})(?:-(?P<date>[0-9]{8}))?-D(?P<sheet>[0-9]{5})(?:_(?P<segment>[0-9]+))?"
    r"(?:\.[A-Za-z]+)?",
    re.ASCII | re.IGNORECASE,
)


def canonical(text: str) -> str:
    """The one spelling of a patent id.

    Every usual spelling of a US design patent gives ``USD`` and seven digits; any other id comes
    back as it is, without the white space around it.
    """
    text = text.strip()
    match = _DESIGN.fullmatch(text)
    if match is None:
        return text
    digits = match["number"].replace(",", "")
    if len(digits) > 7 or (match["office"] is None and len(digits) < _DIGITS_WITHOUT_OFFICE):
        return text
    return f"USD{int(digits):07}"


class SheetName(NamedTuple):
    """What the name of a drawing file tells: ``USD0836880-20190101-D00002_1.png``.

    ``date`` is the grant date (YYYYMMDD) or None, ``sheet`` counts from 1 (0 is the front page's
    copy), ``segment`` is the number of a figure cut out of the sheet (DeepPatent2) or None.
    """

    patent_id: str
    date: str | None
    sheet: int
    segment: int | None


def parse_sheet(name: str) -> SheetName | None:
    """Read the name of a USPTO drawing file (no folders before it); None for any other name."""
    match = _SHEET.fullmatch(name)
    if match is None:
        return None
    segment = match["segment"]
    return SheetName(
        canonical(match["id"].upper()),
        match["date"],
        int(match["sheet"]),
        None if segment is None else int(segment),
    )


def is_front_page(name: str) -> bool:
    """Whether a file's name marks the front-page figure of a grant, a copy of one of its sheets."""
    sheet = parse_sheet(name)
    return sheet is not None and sheet.sheet == 0
