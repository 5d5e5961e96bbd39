"""Search by words, alone or beside images: titles and figure descriptions (SQLite's FTS5)."""

import time
from collections.abc import Sequence
from dataclasses import replace

from edgepatent_runtime.collection.catalog import Stored
from edgepatent_runtime.collection.collection import Collection
from edgepatent_runtime.collection.filters import Filters
from edgepatent_runtime.errors import InputError
from edgepatent_runtime.query import Answer, DrawingHit, Hit

# Reciprocal rank fusion adds 1 / (60 + rank): Cormack, Clarke and Büttcher, "Reciprocal rank
# fusion outperforms Condorcet and individual rank learning methods", 2009.
RRF = 60
# How deep both rankings are looked at when they are fused.
DEPTH = 200


def search_words(
    collections: Sequence[Collection],
    text: str,
    *,
    top: int = 10,
    filters: Filters | None = None,
) -> Answer:
    """The ``top`` patents whose words match ``text`` best.

    All words must occur, in the title or in a figure description, in any form that stems alike.
    A hit's score is BM25, larger is better, titles weighing twice; its drawings come in stored
    order and have no score (NaN). Raises `InputError` for a text without a word.
    """
    if not any(character.isalnum() for character in text):
        raise InputError(f"there is no word to search for in {text!r}")
    started = time.perf_counter()
    found: dict[str, Hit] = {}
    searched = 0
    for collection in collections:
        with collection.reading() as (catalog, taken):
            allowed = None
            if filters:
                rows = catalog.matching(filters)
                allowed = set(catalog.patents_of(rows).tolist())
            searched += taken.live if allowed is None else len(rows)
            # FTS5 ranks without our filters: take all that match and leave out afterwards.
            limit = top if allowed is None else taken.live
            ranked = catalog.matching_text(text, limit)
            ranked = [(key, bm25) for key, bm25 in ranked if allowed is None or key in allowed]
            rows_of = catalog.rows_of([key for key, _ in ranked[:top]])
            stored = catalog.stored([row for rows in rows_of.values() for row in rows])
            for key, bm25 in ranked[:top]:
                entries = [stored[row] for row in rows_of[key]]
                hit = unscored_hit(str(collection.folder), entries, -bm25)
                other = found.get(hit.patent_id)
                if other is None or hit.score > other.score:
                    found[hit.patent_id] = hit
    hits = sorted(found.values(), key=lambda hit: -hit.score)[:top]
    taken_ms = (time.perf_counter() - started) * 1000
    return Answer(_numbered(hits), "words", taken_ms, searched)


def unscored_hit(collection: str, entries: Sequence[Stored], score: float) -> Hit:
    """A patent as a hit: its stored drawings in the order given, none of them scored (NaN)."""
    known = entries[0].record
    return Hit(
        rank=0,
        score=score,
        patent_id=known.patent_id,
        locarno=known.locarno,
        title=known.title,
        date=known.date,
        collection=collection,
        drawings=[
            DrawingHit(
                path=entry.path,
                figure=entry.record.figure,
                view=entry.record.view,
                text=entry.record.text,
                score=float("nan"),
                row=entry.row,
                image=entry.record.image,
                thumbnail=entry.thumbnail,
            )
            for entry in entries
        ],
        klass=known.klass,
        subclass=known.subclass,
    )


def fuse(images: Answer, words: Answer, *, top: int) -> Answer:
    """One ranking from two: each hit scores Σ 1 / (60 + rank) over the rankings that hold it.

    Where both hold a patent, its drawings and their scores are those of the image ranking.
    """
    scores: dict[str, float] = {}
    hits: dict[str, Hit] = {}
    for answer in (images, words):
        for hit in answer.hits:
            scores[hit.patent_id] = scores.get(hit.patent_id, 0) + 1 / (RRF + hit.rank)
            hits.setdefault(hit.patent_id, hit)
    # Ties (first here, first there) go to the image ranking, whose hits came first.
    order = sorted(hits, key=lambda number: -scores[number])[:top]
    return Answer(
        _numbered([replace(hits[number], score=scores[number]) for number in order]),
        f"{images.plan}+{words.plan}",
        images.milliseconds + words.milliseconds,
        max(images.searched, words.searched),
    )


def _numbered(hits: Sequence[Hit]) -> list[Hit]:
    return [replace(hit, rank=rank) for rank, hit in enumerate(hits, start=1)]
