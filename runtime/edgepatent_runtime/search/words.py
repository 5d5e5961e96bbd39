"""Search by words: titles and figure descriptions."""

import time
from collections.abc import Mapping, Sequence

from edgepatent_runtime.errors import InputError
from edgepatent_runtime.filters import Filters
from edgepatent_runtime.record import Record
from edgepatent_runtime.search.results import Answer, DrawingHit, Hit
from edgepatent_runtime.search.searchable import Searchable


def search_words(
    stores: Sequence[Searchable],
    text: str,
    *,
    top: int = 10,
    filters: Filters | None = None,
) -> Answer:
    """The ``top`` patents whose words match ``text`` best.

    All words must occur, in the title or in a figure description, in any form that stems alike: see
    `Scope.words`, which also says of OR and phrases. Typing errors stay what they are: see `meant`.
    A hit's score is BM25, larger is better, titles weighing twice; its drawings come in stored
    order and have no score (NaN). Raises `InputError` for a text without a word.
    """
    if not any(character.isalnum() for character in text):
        raise InputError(f"there is no word to search for in {text!r}")
    started = time.perf_counter()
    found: dict[str, tuple[float, Searchable, Record, list[DrawingHit]]] = {}
    searched = 0
    for store in stores:
        with store.moment() as moment:
            scope = moment.scope(filters or Filters())
            searched += scope.size
            matches = scope.words(text, top)
            facts = moment.facts([row for _, rows in matches for row in rows.tolist()])
            for score, rows in matches:
                drawings = [
                    DrawingHit.of(store, row, facts[row], score=float("nan"))
                    for row in rows.tolist()
                ]
                record = facts[drawings[0].row].record
                other = found.get(record.patent_id)
                if other is None or score > other[0]:
                    found[record.patent_id] = (score, store, record, drawings)
    best = sorted(found.values(), key=lambda one: -one[0])[:top]
    hits = [
        Hit.of(store, record, drawings, rank=rank, score=score, found_by="words")
        for rank, (score, store, record, drawings) in enumerate(best, start=1)
    ]
    taken = (time.perf_counter() - started) * 1000
    return Answer(hits=hits, plan="words", milliseconds=taken, searched=searched)


def meant(stores: Sequence[Searchable], text: str) -> dict[str, list[str]]:
    """The typing errors of ``text``, with what is meant: words that no store holds, where one holds
    something near them.
    """
    found = []
    for store in stores:
        with store.moment() as moment:
            found.append(moment.unheld(text))
    return {typed: words for typed, words in together(found).items() if words}


def together(unheld: Sequence[Mapping[str, Sequence[str]]]) -> dict[str, list[str]]:
    """`Moment.unheld` of several as one: what none of them holds, and what any has near it."""
    nowhere = [typed for typed in unheld[0] if all(typed in one for one in unheld)]
    return {typed: sorted({word for one in unheld for word in one[typed]}) for typed in nowhere}


def any_of(text: str) -> str | None:
    """The question for any of the words of ``text``; None where it is that already, or of a phrase
    or a single word.
    """
    found = text.split()
    if len(found) < 2 or "OR" in found or '"' in text:
        return None
    return " OR ".join(found)


def told(meant: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """What was taken for a typing error, in a line a word."""
    return tuple(
        f"nothing holds '{typed}': searched for {named(words)} instead"
        for typed, words in meant.items()
    )


def named(words: Sequence[str]) -> str:
    """Words in a sentence."""
    return " and ".join(f"'{word}'" for word in words)
