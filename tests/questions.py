"""The same questions for every way to hold an index, and their answers as JSON that compares."""

from pathlib import Path
from typing import Any

import msgspec

from edgepatent.report.document import document
from edgepatent_runtime.search.reader import Reader
from edgepatent_runtime.search.request import Query, Request

# What names the index, how it was searched, how long that took, the numbers of rows.
_OWN = ("index", "plan", "timings_ms", "row", "doubt", "place")


def bare(value: Any) -> Any:
    """A JSON document without what may differ from one way to hold the same to another."""
    if isinstance(value, dict):
        return {key: bare(one) for key, one in value.items() if key not in _OWN}
    if isinstance(value, float):
        # Sums in another order.
        return round(value, 4)
    return [bare(one) for one in value] if isinstance(value, list) else value


def _requests(drawings: Path) -> dict[str, Request]:
    first, second = (Query(str(drawings / "P0003" / f"view{view}.png")) for view in (0, 1))
    other = Query(str(drawings / "P0007" / "view2.png"))
    return {
        "one view": Request(queries=(first,), anyway=True),
        "several views": Request(queries=(first, second), anyway=True, top=24),
        "not itself": Request(queries=(first,), anyway=True, not_itself=True),
        "without patents": Request(
            queries=(first,), anyway=True, not_patents=("P0003", "P0001"), top=5
        ),
        "only patents": Request(queries=(first,), anyway=True, patents=("P0007", "P0011")),
        "by drawing": Request(queries=(first, other), anyway=True, by="drawing", top=12),
        "like": Request(like="P0005", top=7),
        "unlike": Request(queries=(first,), unlike=(other,), anyway=True),
        "turned": Request(queries=(second,), anyway=True, any_rotation=True),
        "exactly": Request(queries=(first,), anyway=True, plan="exact"),
    }  # fmt: skip


QUESTIONS = tuple(_requests(Path()))


def answered(reader: Reader, question: str, drawings: Path) -> dict[str, Any]:
    """The JSON of a search, bare."""
    found = document(reader.search(_requests(drawings)[question]))
    answer: dict[str, Any] = bare(msgspec.to_builtins(found))
    return answer
