"""Words of titles and figure descriptions: which patents hold them all, and how well they match.

PostgreSQL finds; its own ranks know nothing of how frequent a word is, so BM25 is computed here, as
SQLite's FTS5 does (k₁ 1.2, b .75, titles weigh twice; Robertson and Zaragoza, "The probabilistic
relevance framework", 2009, section 3).
"""

from typing import Any

from edgepatent_runtime.parties import folded

_PHRASE = "phraseto_tsquery('edgepatent.words', %s)"


def matching(text: str) -> tuple[str, list[Any]]:
    """The condition that a patent holds all words of ``text``, and its parameters.

    What is one word for people ("t-shirt") is several that follow each other.
    """
    wanted = [word for word in map(folded, text.split()) if word]
    if not wanted:
        return "false", []
    return f"words @@ ({' && '.join([_PHRASE] * len(wanted))})", list(wanted)


def ranked(text: str, condition: str) -> tuple[str, list[Any]]:
    """A query for (id, BM25) of the patents that match ``text`` and ``condition``, best first.

    Its parameters are the ones given back, then those of ``condition``, then how many.
    """
    holds, parameters = matching(text)
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
    return statement, [folded(text), *parameters]
