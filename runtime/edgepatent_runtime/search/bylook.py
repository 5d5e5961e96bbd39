"""Search by words among designs that are not called so: by what their drawings look like.

The model's text side (`wording`) says where in its kin part drawings of what the words name lie;
designs are ranked from there as from a drawing. Those are the designs that carry no title, or all,
where nothing is called what the words say: "running shoe" where there is only "Shoe".
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import msgspec
import numpy as np

from edgepatent_runtime.collection.words import spelled
from edgepatent_runtime.filters import Filters
from edgepatent_runtime.search import ranking
from edgepatent_runtime.search.fusion import RRF
from edgepatent_runtime.search.request import Request
from edgepatent_runtime.search.results import Answer, Hit
from edgepatent_runtime.search.searchable import Floats, Searchable
from edgepatent_runtime.search.words import named

NONE = Answer(hits=[], plan="words", milliseconds=0.0, searched=0)


def placed(stores: Sequence[Searchable], text: str) -> tuple[Floats | None, str | None]:
    """Where in the embedding [D], of unit length, drawings of what ``text`` names lie.

    None where no model of the stores can tell; then, or where it knew only some of the words, also
    why, in a line. Stores of one model may bring copies with and without a text side.
    """
    told = ((one.info, one.wording) for one in (store.bundle for store in stores))
    info, wording = next((pair for pair in told if pair[1] is not None), (None, None))
    if info is None or wording is None:
        return None, (
            "the model of the index knows no words (see edgepatent bundle words; "
            "index rebuild --model takes them over)"
        )
    found = wording.place(text)
    unknown = named(found.unknown)
    if found.direction is None:
        return None, f"the model has no idea what {unknown or _told(text)} looks like"
    direction = np.zeros(info.dimensions, np.float32)
    direction[info.kin] = found.direction
    return direction, f"the model does not know {unknown}: other words decide" if unknown else None


def guesses(
    stores: Sequence[Searchable], request: Request, meant: Mapping[str, Sequence[str]]
) -> bool:
    """Whether a question by words alone is one for the look of all designs, titled or not.

    So where the model places the words, and nothing in the stores holds them all, though there are
    titles; whatever filters say: what a filter leaves out was found, and is not guessed at. What is
    new is not guessed at either: a watch would find something every time. ``meant`` are the typing
    errors of the words (`words.meant`).
    """
    text = request.text
    if text is None or request.added is not None or request.queries or request.like is not None:
        return False
    right = spelled(text, meant)
    if any(_holds(store, Filters(text=right)) for store in stores):
        return False
    if not any(_holds(store, Filters(titled=True)) for store in stores):
        return False
    return placed(stores, right)[0] is not None


def search_looks(
    stores: Sequence[Searchable], text: str, *, top: int, filters: Filters, guess: bool = False
) -> Answer:
    """The ``top`` designs without a title whose drawings look most like what ``text`` names.

    With ``guess`` those of all designs, which the notes then say. Scores are sums of reciprocal
    ranks; drawings, best first, have none. ``notes`` also say why nothing was ranked so, or which
    words were unknown; nothing at all where every design has a title.
    """
    untitled = replace(filters, titled=False)
    some = any(_holds(store, untitled) for store in stores)
    if not (some or guess):
        return NONE
    direction, note = placed(stores, text)
    if direction is None:
        notes = (f"designs without a title were not searched: {note}",) if some else ()
        return msgspec.structs.replace(NONE, notes=notes)
    notes = (note,) if note else ()
    if guess:
        notes = (
            f"nothing is called {_told(text)}: ranked by some of the words, and by look",
            *notes,
        )
    among = filters if guess else untitled
    # The signs of dimensions, and the graph, know the model's own weights only.
    found = ranking.search(stores, direction[None], top=top, filters=among, plan="exact")
    hits = [
        msgspec.structs.replace(
            hit,
            found_by="look",
            # Of what the words stand for, and no query image's.
            cosine=None,
            drawings=[msgspec.structs.replace(one, score=float("nan")) for one in hit.drawings],
        )
        for hit in found.hits
    ]
    return msgspec.structs.replace(found, hits=_ranked(hits, top), plan="look", notes=notes)


def followed(words: Answer, looks: Answer, top: int) -> Answer:
    """What words found, then what was found by its look; each design once."""
    notes = (*words.notes, *looks.notes)
    if not looks.hits:
        return msgspec.structs.replace(words, notes=notes)
    held = {hit.patent_id for hit in words.hits}
    rest = [hit for hit in looks.hits if hit.patent_id not in held]
    return Answer(
        hits=_ranked([*words.hits, *rest], top),
        plan=f"{words.plan}+{looks.plan}",
        milliseconds=words.milliseconds + looks.milliseconds,
        searched=max(words.searched, looks.searched),
        notes=notes,
    )


def _told(text: str) -> str:
    """What was asked for, in a sentence: without the quotes of phrases, in quotes itself."""
    return named([text.replace('"', "")])


def _holds(store: Searchable, filters: Filters) -> bool:
    with store.moment() as moment:
        return moment.scope(filters).size > 0


def _ranked(hits: Sequence[Hit], top: int) -> list[Hit]:
    """Hits whose scores say their ranks and nothing else."""
    return [
        msgspec.structs.replace(hit, rank=rank, score=1 / (RRF + rank))
        for rank, hit in enumerate(hits[:top], start=1)
    ]
