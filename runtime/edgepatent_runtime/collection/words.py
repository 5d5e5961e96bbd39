"""What people type, as an FTS5 query.

Words that all must occur; words in double quotes that must follow each other; ``OR`` between two
of them for either. Nothing else is interpreted. One typing error is a letter too many, too few,
another one, or two that changed places.
"""

import re
import sqlite3
from collections.abc import Mapping, Sequence

_PARTS = re.compile(r'"([^"]*)"|(\S+)')
SHORTEST = 4
"""Shorter words, or stems ("running" is "run"), are one edit away from too many others."""


def parse(text: str) -> list[list[str]]:
    """The phrases of ``text``, of each of which one alternative must occur."""
    groups: list[list[str]] = []
    either = False
    for match in _PARTS.finditer(text):
        phrase = match[1] if match[1] is not None else match[2]
        if match[2] == "OR" and groups and not either:
            either = True
        elif either:
            groups[-1].append(phrase)
            either = False
        elif any(letter.isalnum() for letter in phrase):
            groups.append([phrase])
    return groups


def words_of(text: str) -> list[str]:
    """What may be typing errors: single words, not too short, without anything but letters."""
    phrases = dict.fromkeys(phrase for group in parse(text) for phrase in group)
    return [one for one in phrases if len(one) >= SHORTEST and one.isalpha()]


def spelled(text: str, meant: Mapping[str, Sequence[str]]) -> str:
    """``text`` with the words that were meant, one OR the other, in the place of those typed.

    The catalog is asked so, and the model of words too, which reads neither quotes nor OR.
    """

    def instead(found: re.Match[str]) -> str:
        words = meant.get(found[2] or found[1], ())
        return " OR ".join(f'"{word}"' for word in words) or found[0]

    return _PARTS.sub(instead, text)


def match(text: str) -> str:
    """The FTS5 query for ``text``."""
    # A text without a word finds nothing, and says nothing that FTS5 could not read.
    groups = parse(text)
    return " AND ".join(f"({' OR '.join(map(_quoted, group))})" for group in groups) or '""'


def unheld(text: str, sql: sqlite3.Connection) -> dict[str, list[str]]:
    """The words of ``text`` that ``sql`` does not hold, each with those of its own, as they are
    written, that are one typing error away.
    """
    return {
        word: sorted({_written(term, sql) for term in _terms_near(word, sql) if _occurs(term, sql)})
        for word in words_of(text)
        if not _occurs(word, sql)
    }


def _written(term: str, sql: sqlite3.Connection) -> str:
    """A word as it is written somewhere: terms are stems."""
    (word,) = sql.execute(
        "SELECT snippet(words, -1, '', '', '', 1) FROM words WHERE words MATCH ? LIMIT 1",
        (_quoted(term),),
    ).fetchone()
    return str(word).strip().lower().replace('"', "")


def _quoted(phrase: str) -> str:
    return '"' + phrase.replace('"', '""') + '"'


def _occurs(phrase: str, sql: sqlite3.Connection) -> bool:
    found = sql.execute("SELECT 1 FROM words WHERE words MATCH ? LIMIT 1", (_quoted(phrase),))
    return found.fetchone() is not None


def _terms_near(word: str, sql: sqlite3.Connection) -> list[str]:
    """The indexed terms (stems) that are one edit away from the stem of ``word``."""
    sql.execute("CREATE VIRTUAL TABLE temp.typed USING fts5 (word, tokenize='porter unicode61')")
    sql.execute("CREATE VIRTUAL TABLE temp.typed_terms USING fts5vocab ('temp', 'typed', 'row')")
    sql.execute("CREATE VIRTUAL TABLE temp.terms_known USING fts5vocab ('main', 'words', 'row')")
    try:
        sql.execute("INSERT INTO temp.typed VALUES (?)", (word,))
        (stem,) = sql.execute("SELECT term FROM temp.typed_terms").fetchone() or (word.lower(),)
        if len(stem) < SHORTEST:
            return []
        near = sql.execute(
            "SELECT term FROM temp.terms_known WHERE length(term) BETWEEN ? AND ?",
            (len(stem) - 1, len(stem) + 1),
        )
        return sorted(term for (term,) in near if isinstance(term, str) and one_edit(stem, term))
    finally:
        for table in ("terms_known", "typed_terms", "typed"):
            sql.execute(f"DROP TABLE temp.{table}")


def one_edit(one: str, other: str) -> bool:
    """Whether two words differ by one letter more, less or other, or by two that changed places."""
    if one == other:
        return True
    shorter, longer = sorted((one, other), key=len)
    if len(longer) - len(shorter) > 1:
        return False
    start = 0
    while start < len(shorter) and shorter[start] == longer[start]:
        start += 1
    if len(longer) > len(shorter):
        return longer[start + 1 :] == shorter[start:]
    swapped = longer[start : start + 2] == shorter[start : start + 2][::-1]
    rest = longer[start + 2 :] == shorter[start + 2 :]
    return longer[start + 1 :] == shorter[start + 1 :] or (swapped and rest)
