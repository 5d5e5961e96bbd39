"""Hits as a table: for the terminal and for spreadsheets."""

from collections.abc import Sequence
from textwrap import shorten

from edgepatent.report.document import HitEntry, drawing_name
from edgepatent.report.facts import FACTS
from edgepatent.report.spreadsheet import Cell, Table
from edgepatent_runtime import locarno
from edgepatent_runtime.search.results import Hit, Result

NAME_LENGTH = 48


def label(hit: Hit) -> str:
    """A hit's Locarno code with its name, or the label of its source's own taxonomy.

    Some names run over four lines: what tells subclasses apart comes first in them.
    """
    if hit.locarno is None:
        return hit.subclass or hit.klass or ""
    name = shorten(locarno.name(hit.locarno) or "", NAME_LENGTH, placeholder=" …")
    return f"{hit.locarno} {name}".strip()


def figure(hit: Hit) -> str:
    """What a person would call the best drawing: its figure and view, or its path."""
    best = hit.drawings[0]
    parts = [f"FIG. {best.figure}" if best.figure else best.path]
    if best.view:
        parts.append(best.view)
    return ", ".join(parts)


def verdict(hit: Hit) -> str:
    """How good a hit is, and how likely it is the same design; "" where that cannot be told."""
    return in_percent(hit.verdict, hit.probability)


def in_percent(verdict: str | None, probability: float | None) -> str:
    """A verdict and its probability; "" where there is none."""
    if verdict is None or probability is None:
        return ""
    # Nothing is certain.
    return f"{verdict} {min(max(probability, 0.01), 0.99):.0%}"


def score(hit: Hit | HitEntry) -> str:
    """How alike a hit is to the query images; "" where it was compared with none."""
    return "" if hit.cosine is None else f"{hit.cosine:.3f}"


def found_by(hit: Hit | HitEntry) -> str:
    """How a search for words found a hit: by them, or by its look; "" where by an image alone."""
    return {"words": "its words", "look": "its look"}.get(hit.found_by or "", "")


def found_by_label(result: Result) -> str | None:
    """What to call `found_by` over the hits; None where it tells nothing apart."""
    if result.request.fuse:
        return "also found by"
    return "found by" if any(hit.found_by == "look" for hit in result.hits) else None


def like(hit: Hit, result: Result) -> str:
    """How many hits are folded into one as its copies or its family; "" where none is."""
    count = len(result.like(hit))
    return f"and {count} like it" if count else ""


def hit_table(result: Result, show: Sequence[str] = ()) -> tuple[list[str], list[list[str]]]:
    """Columns and rows, without what is folded away; the index is named where there are several.

    ``show`` are further facts, by their names in `facts.FACTS`.
    """
    several = len(result.indexes) > 1
    judged = any(hit.probability is not None for hit in result.hits)
    # What words and images were ranked by together says nothing to people: a score is a cosine.
    scored = any(hit.cosine is not None for hit in result.hits)
    way = found_by_label(result)
    measures = [
        *(["verdict"] if judged else []),
        *(["score"] if scored else []),
        *([way] if way else []),
    ]
    columns = ["#", *measures, "patent", "Locarno", "title", "date", "best drawing"]
    rows = [
        [
            str(hit.rank),
            *([verdict(hit)] if judged else []),
            *([score(hit)] if scored else []),
            *([found_by(hit)] if way else []),
            " ".join(filter(None, [hit.patent_id, like(hit, result)])),
            label(hit),
            hit.title or "",
            hit.date or "",
            figure(hit),
            *(FACTS[name](hit.bibliography) for name in show),
            *([hit.index] if several else []),
        ]
        for hit in result.unfolded
    ]
    return [*columns, *show, *(["index"] if several else [])], rows


def hits_for_spreadsheets(result: Result) -> Table:
    """One row a hit: what the table shows, the path of its best drawing, and all facts."""
    columns = [
        "rank", "score", "verdict", "probability", "patent_id", "locarno", "title", "date",
        "figure", "path", "index", "like", "found_by", *FACTS,
    ]  # fmt: skip
    rows: list[list[Cell]] = [
        [
            hit.rank,
            None if hit.cosine is None else round(hit.cosine, 6),
            hit.verdict,
            None if hit.probability is None else round(hit.probability, 4),
            hit.patent_id,
            hit.locarno,
            hit.title,
            hit.date,
            hit.drawings[0].figure,
            drawing_name(hit),
            hit.index,
            hit.like,
            hit.found_by,
            *(fact(hit.bibliography) for fact in FACTS.values()),
        ]
        for hit in result.hits
    ]
    return Table(columns, rows, [hit.drawings[0].thumbnail() for hit in result.hits])
