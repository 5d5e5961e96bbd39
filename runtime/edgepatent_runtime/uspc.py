"""US design classes (D1 to D34, D99): codes in every spelling.

A code is written "D6-334" (class D6, subclass 334), "D14-138AD" or "D2-960.1" where the subclass
has more, "D6" where only the class is known. The office's files give them in columns: three
characters of class, three of subclass, then what stands behind the decimal point ("D 6334",
"D28 47", "D144801").
"""

import re

_WITH_GAP = re.compile(
    r"D ?0?(\d{1,2})\s*[-/ ]\s*(\d{1,3})(?:\.?(\d{1,2})|([A-Z]{1,3}))?", re.ASCII
)
_COLUMNS = re.compile(r"D([ \d]\d)([ \d]{2}\d)(?:\.?(\d{1,3})|([A-Z]{1,3}))?", re.ASCII)
_CLASS = re.compile(r"D ?0?(\d{1,2})", re.ASCII)
_SHORT = re.compile(r"D(\d)(\d{3})", re.ASCII)
_BETWEEN = re.compile(r"[,;|]")


def parse(text: str | None) -> str | None:
    """The canonical form of a code: "D6-334", "D6", or None where there is none.

    Reads ``D 6334``, ``D6/334``, ``D06-334``, ``D6334``, ``US D6/334`` and a class alone. Says
    nothing of whether the code exists.
    """
    text = (text or "").strip().upper().removeprefix("US ").strip()
    if match := _CLASS.fullmatch(text):
        return f"D{int(match[1])}"
    match = _COLUMNS.fullmatch(text) or _WITH_GAP.fullmatch(text)
    if match is not None:
        more = f".{match[3]}" if match[3] else match[4] or ""
        return f"D{int(match[1])}-{int(match[2])}{more}"
    if match := _SHORT.fullmatch(text):
        return f"D{match[1]}-{int(match[2])}"
    return None


def parse_all(text: str | None) -> tuple[str, ...]:
    """The codes of a list ("D 6310, D6309"), each once, in order; what is none is left out."""
    codes = map(parse, _BETWEEN.split(text or ""))
    return tuple(dict.fromkeys(code for code in codes if code is not None))


def klass(code: str) -> str:
    """The class of a canonical code: "D6" of "D6-334"."""
    return code.partition("-")[0]
