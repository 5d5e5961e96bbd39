"""Hits as a table: for the terminal and as CSV."""

import csv
from collections.abc import Sequence
from io import StringIO
from textwrap import shorten

from edgepatent.report.document import drawing_name
from edgepatent.report.facts import FACTS
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


def hit_table(result: Result, show: Sequence[str] = ()) -> tuple[list[str], list[list[str]]]:
    """Columns and rows, without what is folded away; the index is named where there are several.

    ``show`` are further facts, by their names in `facts.FACTS`.
    """
    several = len(result.indexes) > 1
    judged = any(hit.probability is not None for hit in result.hits)
    measures = [*(["verdict"] if judged else []), *(["score"] if result.cosines else [])]
    columns = ["#", *measures, "patent", "Locarno", "title", "date", "best drawing"]
    rows = [
        [
            str(hit.rank),
            *([verdict(hit)] if judged else []),
            *([f"{hit.score:.3f}"] if result.cosines else []),
            hit.patent_id,
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


def csv_of(result: Result) -> str:
    """One row a hit: what the table shows, and the path of its best drawing."""
    text = StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(
        [
            "rank",
            "score",
            "patent_id",
            "locarno",
            "title",
            "date",
            "figure",
            "path",
            "index",
            "verdict",
            "probability",
            *FACTS,
        ]
    )
    for hit in result.hits:
        writer.writerow(
            [
                hit.rank,
                f"{hit.score:.6f}" if result.cosines else "",
                cell_text(hit.patent_id),
                cell_text(hit.locarno),
                cell_text(hit.title),
                cell_text(hit.date),
                cell_text(hit.drawings[0].figure),
                cell_text(drawing_name(hit)),
                cell_text(hit.index),
                hit.verdict or "",
                "" if hit.probability is None else f"{hit.probability:.4f}",
                *(cell_text(fact(hit.bibliography)) for fact in FACTS.values()),
            ]
        )
    return text.getvalue()


def cell_text(cell: str | None) -> str:
    """A cell that a spreadsheet takes for text: it would carry out a title that begins with "="."""
    cell = cell or ""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell
