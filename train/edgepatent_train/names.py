"""What a thing is called: titles and nouns brought to one form, so that they can be labels."""

import re

_WORD = re.compile(r"[^\W\d_]+")
# What an article is made for or comes with does not say what it is.
_BREAK = frozenset(
    ("for", "with", "having", "in", "on", "and", "or", "including", "used", "to", "from")
)
_EMPTY = frozenset(
    ("a", "an", "the", "of", "set", "pair", "portion", "part", "ornamental", "design")
)


def name_of(title: str | None) -> str | None:
    """The name of a thing in its title, None where there is none.

    "Portion of an outsole for a shoe" and "Outsoles" are "outsole": words up to the first that
    begins a purpose or an addition, without numbers and fillers, the last one in the singular.
    """
    words: list[str] = []
    for word in _WORD.findall((title or "").casefold()):
        if word in _BREAK and words:
            break
        if word not in _EMPTY and word not in _BREAK:
            words.append(word)
    if not words:
        return None
    words[-1] = _singular(words[-1])
    return " ".join(words)


def _singular(word: str) -> str:
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith(("ches", "shes", "sses", "xes")):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word
