"""``batch --html``: one page over all queries, each with its best hits and its own page."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from edgepatent.report.page import data_uri, encode_png
from edgepatent.report.table import score, verdict
from edgepatent_runtime.search.results import Result
from edgepatent_runtime.templates import template

# Hits that are shown of each query, and the longest side of the query's picture.
HITS, QUERY = 4, 160


@dataclass(frozen=True)
class Tile:
    """A hit in a row: its picture as the index has it (None where there is none), and words."""

    uri: str | None
    patent_id: str
    words: str


@dataclass(frozen=True)
class Row:
    """A query: what it is called, the address of its own page, its picture and its best hits."""

    name: str
    address: str
    uri: str
    tiles: Sequence[Tile]


def row(name: str, page: str, result: Result) -> Row:
    """A query in a row; ``page`` is the file name of its own page, which lies beside this one."""
    tiles = []
    for hit in result.hits[:HITS]:
        png = hit.drawings[0].thumbnail()
        words = " · ".join(filter(None, (verdict(hit) or score(hit), hit.title)))
        tiles.append(Tile(None if png is None else data_uri(png), hit.patent_id, words))
    picture = data_uri(encode_png(result.views[0].page, QUERY)[0])
    return Row(name, "./" + quote(page), picture, tiles)


def render(rows: Sequence[Row]) -> str:
    """The page."""
    return template("edgepatent.report", "overview.html.j2").render(rows=rows)
