"""Dates as patent offices and people write them."""

import re
from datetime import date

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")

# "2007-03-13", "2007/3/13", "2007.03.13" and "20070313", with or without a time after it.
_YEAR_FIRST = re.compile(
    r"(?P<year>[0-9]{4})(?P<gap>[-/.]?)(?P<month>[0-9]{1,2})(?P=gap)(?P<day>[0-9]{1,2})(?:[T ].*)?",
    re.ASCII,
)
# "2007" and "2007-03".
_YEAR_ALONE = re.compile(r"(?P<year>[0-9]{4})(?:[-/.](?P<month>[0-9]{1,2}))?", re.ASCII)
# "Mar. 13, 2007", "March 13 2007", "Sept. 9, 2008", and as OCR reads them: "Apr.21,2015".
_US = re.compile(
    r"(?P<name>[A-Za-z]{3,9})[.\s]\s*(?P<day>[0-9]{1,2})(?:st|nd|rd|th)?[,\s]\s*(?P<year>[0-9]{4})",
    re.ASCII,
)
# "13 March 2007", "13-Mar-2007".
_DAY_FIRST = re.compile(
    r"(?P<day>[0-9]{1,2})\.?[\s-]+(?P<name>[A-Za-z]{3,9})\.?,?[\s-]+(?P<year>[0-9]{4})", re.ASCII
)


def parse(text: str | None) -> str | None:
    """The ISO form (YYYY-MM-DD) of a date, or None where there is none.

    Reads ISO dates, YYYYMMDD, and English dates with the month's name, as the USPTO prints them
    ("Mar. 13, 2007"). Numbers alone with the year last ("03/04/2007") are not read: nobody can
    tell the month.
    """
    text = (text or "").strip()
    match = _YEAR_FIRST.fullmatch(text)
    if match:
        # Without separators there are eight digits or it is not a date.
        if not match["gap"] and len(match["month"] + match["day"]) != 4:
            return None
        month = int(match["month"])
    else:
        match = _US.fullmatch(text) or _DAY_FIRST.fullmatch(text)
        if match is None or match["name"][:3].lower() not in _MONTHS:
            return None
        month = _MONTHS.index(match["name"][:3].lower()) + 1
    try:
        return date(int(match["year"]), month, int(match["day"])).isoformat()
    except ValueError:
        return None


def first_day(text: str | None) -> str | None:
    """The date, or the first day of a year or month alone ("2007", "2007-03"), in its ISO form.

    For limits, which people often name so: since 2007 is from its first day on, and before 2007 is
    before that day. None where there is neither.
    """
    text = (text or "").strip()
    alone = _YEAR_ALONE.fullmatch(text)
    return parse(f"{alone['year']}-{alone['month'] or 1}-1" if alone else text)
