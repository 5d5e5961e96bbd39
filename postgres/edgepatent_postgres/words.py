"""Words of titles and figure descriptions: which patents hold them all, and how well they match.

PostgreSQL finds; its own ranks know nothing of how frequent a word is, so BM25 is computed here, as
SQLite's FTS5 does (k₁ 1.2, b .75, titles weigh twice; Robertson and Zaragoza, "The probabilistic
relevance framework", 2009, section 3).
"""

from collections.abc import Callable, Sequence
from typing import Any

from edgepatent_runtime.collection.words import SHORTEST, one_edit, parse, words_of
from edgepatent_runtime.parties import folded

Ask = Callable[[str, Sequence[Any]], list[tuple[Any, ...]]]
"""Runs a statement with its parameters, and gives its rows."""

_PHRASE = "phraseto_tsquery('edgepatent.words', %s)"


class Match:
    """What people type (see `collection.words`) as a ``condition`` on ``patents``.

    What is one word for people ("t-shirt") is several that follow each other.
    """

    def __init__(self, text: str) -> None:
        groups = [[word for word in map(folded, group) if word] for group in parse(text)]
        groups = [group for group in groups if group]
        self.parameters = [phrase for group in groups for phrase in group]
        parts = (f"({' || '.join([_PHRASE] * len(group))})" for group in groups)
        self.condition = f"words @@ ({' && '.join(parts)})" if groups else "false"


def unheld(text: str, ask: Ask) -> dict[str, list[str]]:
    """The words of ``text`` that the database does not hold, each with those of its own, as they
    are written, that are one typing error away.
    """
    return {
        word: sorted({_written(term, ask) for term in _terms_near(folded(word), ask)})
        for word in words_of(text)
        if not _occurs(folded(word), ask)
    }


def _terms_near(word: str, ask: Ask) -> list[str]:
    """The terms (stems) that occur and are one edit away from the stem of ``word``."""
    ((stems,),) = ask("SELECT ts_lexize('edgepatent.porter', %s)", [word])
    (stem, *_) = stems or [word]
    if len(stem) < SHORTEST:
        return []
    listed = ask(
        "SELECT lexeme FROM lexemes WHERE length(lexeme) BETWEEN %s AND %s ORDER BY lexeme",
        [len(stem) - 1, len(stem) + 1],
    )
    return [term for (term,) in listed if one_edit(stem, term) and _occurs(term, ask)]


def _written(term: str, ask: Ask) -> str:
    """A word as it is written in a title: terms are stems."""
    held = ask(f"SELECT title FROM patents WHERE words @@ {_PHRASE} LIMIT 1", [term])
    written = [word for (title,) in held for word in folded(title or "").split()]
    for word in written:
        if ask("SELECT 1 WHERE to_tsvector('edgepatent.words', %s) @@ " + _PHRASE, [word, term]):
            return word
    return term


def _occurs(phrase: str, ask: Ask) -> bool:
    return bool(ask(f"SELECT 1 FROM patents WHERE words @@ {_PHRASE} LIMIT 1", [phrase]))


def ranked(match: Match, condition: str) -> tuple[str, list[Any]]:
    """A query for (id, BM25) of the patents that ``match`` and meet ``condition``, best first.

    Its parameters are the ones given back, then those of ``condition``, then how many. The words of
    a phrase count singly.
    """
    holds, parameters = match.condition, match.parameters
    statement = f"""
        WITH wanted AS (
            SELECT lexeme, (
                SELECT count(*) FROM patents WHERE words @@ quote_literal(lexeme)::tsquery) AS n
            FROM unnest(tsvector_to_array(to_tsvector('edgepatent.words', %s))) AS lexeme
        ), whole AS (SELECT count(*) AS n, greatest(avg(length), 1) AS length FROM patents)
        SELECT patents.id, sum(
            greatest(ln((whole.n - wanted.n + .5) / (wanted.n + .5)), 1e-6) * tf * 2.2
            / (tf + 1.2 * (.25 + .75 * patents.length / whole.length)))::float8 AS score
        FROM patents CROSS JOIN whole
        CROSS JOIN LATERAL (
            SELECT lexeme, (SELECT sum(CASE weight WHEN 'A' THEN 2 ELSE 1 END)
                            FROM unnest(weights) AS weight) AS tf
            FROM unnest(patents.words)) AS held
        JOIN wanted USING (lexeme)
        WHERE {holds} AND {condition}
        GROUP BY patents.id ORDER BY score DESC, patents.id LIMIT %s
    """
    return statement, [" ".join(parameters), *parameters]
