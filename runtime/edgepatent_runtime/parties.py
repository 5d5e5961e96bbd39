"""Names of people and firms, compared as people would compare them."""

import re
import unicodedata

_NO_LETTER = re.compile(r"[^\w]+|_+")


def folded(name: str) -> str:
    """A name without case, accents and punctuation: "NIKE, Inc." and "Nike Inc" are "nike inc"."""
    letters = unicodedata.normalize("NFKD", name.casefold())
    bare = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return " ".join(_NO_LETTER.sub(" ", bare.replace("'", "").replace("’", "")).split())
