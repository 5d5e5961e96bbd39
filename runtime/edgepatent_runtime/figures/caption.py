"""What a row of letters says of a sheet: a caption, a numeral, the sheet's number, or nothing."""

import re
from typing import Literal

Kind = Literal["caption", "numeral", "sheet number", "text"]

# "FIG", "FIGS", "FIGURE", "FIGURES", with one of the first three letters misread or lost.
_WORD = re.compile(r"(?:F.G|.[I1LTJ]G|F[I1LTJ].|FG|IG)(?:URE)?S?(?=[^A-Z]|$|[OILSZB](?:\b|\d))")
_NUMBER = re.compile(r"(\d{1,3})[.\-]?(?:\(?([A-Z])\)?)?'*[.\-]?")
# As WIPO numbers the views of Hague designs: design 1, view 2.
_HAGUE = re.compile(r"\d{1,2}\.\d{1,3}")
_NUMERAL = re.compile(r"\d{1,4}[A-Z]?'*")
_SHEET = re.compile(r"\d{1,3}/\d{1,3}")
# Letters that a number's first digit is taken for.
_DIGITS = str.maketrans("OILSZB", "011528")


def kind_of(text: str) -> tuple[Kind, str | None]:
    """What a reading is, and the number of the figure that a caption names ("3A", "1.2").

    A caption without a number that could be read has None.
    """
    word = _WORD.match(text)
    if word:
        rest = text[word.end() :].lstrip(".-'/(")
        number = _NUMBER.fullmatch(rest) or _NUMBER.fullmatch(rest.translate(_DIGITS))
        if number:
            return "caption", str(int(number[1])) + (number[2] or "")
        if not rest.strip(".-"):
            return "caption", None
    if _HAGUE.fullmatch(text):
        return "caption", text
    if _SHEET.fullmatch(text):
        return "sheet number", None
    if _NUMERAL.fullmatch(text):
        return "numeral", None
    return "text", None
