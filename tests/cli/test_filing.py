"""A filed search that was edited or damaged is read, or refused in one line."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edgepatent.report import filing
from edgepatent_runtime.errors import InputError
from edgepatent_runtime.search.request import Query, Request

FILED = filing.FiledSearch(
    format=filing.FORMAT,
    edgepatent="0.1.0",
    created="2026-11-24T12:00:00+00:00",
    model=filing.FiledModel("tiny", "a" * 64, "b" * 64),
    indexes=[filing.FiledIndex("/index", 3, 30, 10)],
    queries=[filing.FiledView("sketch.png", "c" * 64)],
    request=Request(queries=(Query("sketch.png", page=2),), locarno=("06",)),
    hits=[filing.FiledHit(1, 0.5, "P1", "P1/a.png")],
    timings_ms={"total": 1.5},
)
WRONG: tuple[Any, ...] = (None, 5, -1, 10**30, 1e400, "x", "\x1b[31m", [], [[]], {}, [None])


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value in a document."""
    if path:
        yield path
    if isinstance(value, dict):
        for key, one in value.items():
            yield from places(one, (*path, key))
    if isinstance(value, list):
        for number, one in enumerate(value):
            yield from places(one, (*path, number))


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    filing.write(FILED, tmp_path / "search.json")
    assert filing.read(tmp_path / "search.json") == FILED


def test_what_the_first_format_meant_is_kept(tmp_path: Path) -> None:
    document = filing.plain(FILED)
    queries = [{"path": "sketch.png", "page": 1, "crop": None}]
    document["request"] = {"indexes": ["/index"], "queries": queries, "locarno": ["06"]}
    (tmp_path / "search.json").write_text(json.dumps({**document, "format": 1}))
    asked = filing.read(tmp_path / "search.json").request
    assert asked == msgspec.structs.replace(FILED.request, whole=True, not_itself=True)


@pytest.mark.parametrize("version", [1, 2])
def test_a_value_of_another_kind_is_one_line(version: int, tmp_path: Path) -> None:
    document = filing.plain(FILED)
    document = json.loads(json.dumps({**document, "format": version}))
    file = tmp_path / "search.json"
    refused = []
    for path in places(document):
        for wrong in WRONG:
            changed = copy.deepcopy(document)
            inner = changed
            for key in path[:-1]:
                inner = inner[key]
            inner[path[-1]] = wrong
            file.write_text(json.dumps(changed))
            try:
                filing.read(file)
            except InputError as error:
                refused.append(str(error))
    assert len(refused) > len(list(places(document)))
    assert not any("\n" in line for line in refused)


@pytest.mark.parametrize(
    "text", ["", "null", "[]", '"', "\udcff", "[" * 100_000, '{"request": {"queries": [1]}}']
)
def test_other_files_are_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "search.json"
    file.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(InputError, match="not a search record"):
        filing.read(file)
