"""What the text of a design patent says about its figures.

"FIG. 3 is a top plan view thereof; FIGS. 4-6 are sectional views …" gives the view of each figure.
"""

import re
from itertools import zip_longest

# Longest first: "left-side" must not leave "side" behind, "cross-sectional" is one word.
_WORDS = {
    "perspective": r"perspective",
    "isometric": r"isometric",
    "front": r"front(?:al)?",
    "rear": r"rear|back",
    "left": r"left(?:[\s-]*(?:hand[\s-]*)?sided?)?",
    "right": r"right(?:[\s-]*(?:hand[\s-]*)?sided?)?",
    "top": r"top",
    "bottom": r"bottom|underside",
    "side": r"sides?",
    "end": r"end",
    "plan": r"plan|planar",
    "elevational": r"elevation(?:al)?",
    "sectional": r"(?:cross[\s-]*)?section(?:al|ed)?",
    "exploded": r"exploded",
    "enlarged": r"enlarged|enlargement|magnified|close-?up|detail(?:ed)?",
    "reference": r"reference|environmental",
}
_VIEW_WORD = re.compile(
    r"\b(?:" + "|".join(f"(?P<{word}>{how})" for word, how in _WORDS.items()) + r")\b",
    re.IGNORECASE,
)
# A letter after a space is a capital: "FIG. 4 a perspective view" is figure 4.
_NUMBER = r"[0-9]{1,4}(?:\.[0-9]{1,3})?(?:[A-Za-z]|\s(?-i:[A-Z]))?['′]?(?![A-Za-z0-9])"
_MENTION = re.compile(
    rf"\bFIG(?:URE)?S?\b\.?[\s-]*(?P<numbers>{_NUMBER}"
    rf"(?:\s*(?:,\s*(?:and\s+)?|and\s+|&\s*|-|–|to\s+|through\s+)\s*(?:FIG(?:URE)?S?\.?\s*)?{_NUMBER})*)"
    # Hague registrations number views without the word: "1.2 : Front".
    rf"|(?:^|(?<=[.;:\n]))\s*(?P<hague>[0-9]{{1,3}}\.[0-9]{{1,3}})\s*(?=:)"
    rf"|\b(?:the|sole)\s+(?P<sole>FIGURE)\b",
    re.IGNORECASE | re.MULTILINE,
)
# A description starts its own clause; "the housing of FIG. 2" only refers to another figure.
_REFERS = re.compile(
    r"(?:\b(?:of|in|from|to|with|by|and|at|on|line|than|see|per)|\()\s*$", re.IGNORECASE
)
_SAYS = re.compile(
    r"\s*(?:is|are|shows?|showing|illustrates?|depicts?|provides?|presents?|represents?|discloses?"
    r"|comprises?|an?\b|the\b|:|-|–|—|,)",
    re.IGNORECASE,
)
_RANGE = re.compile(r"^(?P<number>[0-9]+)\s?(?P<letter>[A-Za-z]?)$")
_MOST_FIGURES_IN_A_RANGE = 200


def views(text: str) -> dict[str, str | None]:
    """The figures that a description describes, in its order: number → view.

    A number is written as the patent does ("3", "2A", "1.4"); the one figure that is called "the
    FIGURE" is "1". A view is made of standard words in the order of the text ("top plan",
    "front right perspective", "rear elevational"), None where the description names none.
    """
    found: dict[str, str | None] = {}
    mentions = [m for m in _MENTION.finditer(text) if _describes(text, m)]
    for mention, following in zip_longest(mentions, mentions[1:]):
        clause = text[mention.end() : following.start() if following else len(text)]
        view = view_words(re.split(r"[.;\n]", clause, maxsplit=1)[0])
        for number in _numbers(mention):
            found.setdefault(number, view)
    return found


def view_words(clause: str) -> str | None:
    """The standard words for the view that a clause describes; None where it names none."""
    # What stands after "view" speaks of the thing: "a view of the front wheel".
    head = re.split(r"\bviews?\b", clause, maxsplit=1, flags=re.IGNORECASE)[0]
    words = [m.lastgroup for m in _VIEW_WORD.finditer(head)]
    return " ".join(word for word in dict.fromkeys(words) if word) or None


def _describes(text: str, mention: re.Match[str]) -> bool:
    if mention["hague"]:
        return True
    return (
        _REFERS.search(text[max(0, mention.start() - 10) : mention.start()]) is None
        and _SAYS.match(text, mention.end()) is not None
    )


def _numbers(mention: re.Match[str]) -> list[str]:
    if mention["hague"]:
        return [mention["hague"]]
    if mention["sole"]:
        return ["1"]
    numbers: list[str] = []
    parts = re.split(rf"({_NUMBER})", mention["numbers"])
    for joint, number in zip(parts[::2], parts[1::2], strict=False):
        number = re.sub(r"\s", "", number).upper()
        if numbers and re.search(r"-|–|to|through", joint):
            numbers.extend(_between(numbers[-1], number))
        numbers.append(number)
    return numbers


def _between(first: str, last: str) -> list[str]:
    """The numbers inside a range: of "1" and "4", or of "2A" and "2D"."""
    start, end = _RANGE.match(first), _RANGE.match(last)
    if start is None or end is None:
        return []
    if not start["letter"] and not end["letter"]:
        numbers = range(int(first) + 1, int(last))
        return [str(n) for n in numbers] if len(numbers) <= _MOST_FIGURES_IN_A_RANGE else []
    if start["letter"] and end["letter"] and start["number"] == end["number"]:
        letters = range(ord(start["letter"]) + 1, ord(end["letter"]))
        return [start["number"] + chr(n) for n in letters]
    return []
