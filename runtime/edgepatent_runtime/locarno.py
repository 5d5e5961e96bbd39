"""The Locarno Classification of industrial designs: codes read, checked and named.

A code is written "06-01" (class 06 furnishing, subclass 01 seats) or "06" where only the class is
known. A code that was legal in any of the editions 9 (2009) to 15 (2025) is known.

Source: WIPO, Locarno Classification, reused with acknowledgement. ``locarno_names.tsv`` holds the
names of the classes (14th edition), all subclass codes of the 15th edition and those of the 9th
that have gone since, and the subclass names of the 9th edition; a subclass that is younger than
that has an empty one unless it was at hand (01-05 and 03-05, from the 13th edition).
"""

import re
from functools import cache
from pathlib import Path

# "LOC (13) Cl. 28-03", as front pages and registers print it, with or without what leads in.
_CODE = re.compile(
    r"""
    (?: LOC \s* (?: \( \s* [0-9]+ \s* \) )? )? \s* (?: Cl(?:ass)? \.? )? \s*
    (?: (?P<klass>[0-9]{1,2}) (?: \s*[-/.\ ]\s* (?P<subclass>[0-9]{1,2}) )?
      | (?P<digits>[0-9]{3,4}) )
    (?: \s*[;,].* )?  # further codes of the same design: the first is the main one
    """,
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)


def parse(text: str | None) -> str | None:
    """The canonical form of a code in any spelling: "06-01", "06", or None where there is no code.

    Reads ``0603``, ``603`` (a number that lost its zero), ``06-03``, ``6-03``, ``06.03``,
    ``06/03``, ``LOC (13) Cl. 06-03`` and one or two digits alone, which mean the class. Of several
    ("8-05, 08; 11-01") it is the first. Says nothing of whether the code exists: see `is_known`.
    """
    match = _CODE.fullmatch((text or "").strip())
    if match is None:
        return None
    if match["digits"]:
        digits = match["digits"].zfill(4)
        return f"{digits[:2]}-{digits[2:]}"
    if match["subclass"]:
        return f"{int(match['klass']):02}-{int(match['subclass']):02}"
    return f"{int(match['klass']):02}"


def klass(code: str) -> str:
    """The class of a canonical code: "06" of "06-01"."""
    return code[:2]


def is_known(code: str) -> bool:
    """Whether a canonical code, of a class or a subclass, was legal in an edition from 9 to 15."""
    return code in _names()


def name(code: str) -> str | None:
    """The English name of a canonical code; None for an unknown code or one without a name here."""
    return _names().get(code) or None


def codes() -> tuple[str, ...]:
    """All known codes in order, each class before its subclasses."""
    return tuple(_names())


def labels(code: str | None) -> tuple[str | None, str | None]:
    """The (class, subclass) labels that a canonical code gives a drawing.

    Unknown codes give none, a class alone gives no subclass.
    """
    if code is None or not is_known(code):
        return None, None
    return klass(code), code if "-" in code else None


@cache
def _names() -> dict[str, str]:
    table = Path(__file__).with_name("locarno_names.tsv").read_text("utf-8")
    return dict(line.split("\t", 1) for line in table.splitlines())
