"""``search --replay``: whether a recorded search still gives the same."""

from pathlib import Path

import click
import msgspec

from edgepatent import console
from edgepatent.report import record
from edgepatent.report.document import record as record_of
from edgepatent.searching import Request, Searcher
from edgepatent_runtime.errors import InputError


class Replay(msgspec.Struct, frozen=True):
    """What ``search --replay --json`` prints; ``same`` speaks of the hits."""

    same: bool
    changes: list[str]
    differences: list[str]
    now: record.SearchRecord


def replay_record(
    file: Path, given: Request, indexes_moved: bool, threads: int, as_json: bool
) -> int:
    """Search as recorded in ``file`` and say what differs; the exit status.

    Query images of ``given`` stand in for those that have moved, and its indexes where
    ``indexes_moved``. Raises `InputError` where their number is another one.
    """
    old = record.read(file)
    request = old.request
    if indexes_moved:
        _require_as_many(file, "collections", request.indexes, given.indexes)
        request = msgspec.structs.replace(request, indexes=given.indexes)
    if given.queries:
        _require_as_many(file, "query images", request.queries, given.queries)
        moved = tuple(
            msgspec.structs.replace(then, path=now.path)
            for then, now in zip(request.queries, given.queries, strict=True)
        )
        request = msgspec.structs.replace(request, queries=moved)
    if any(query.path == "-" for query in request.queries):
        raise InputError(
            f"{file} was recorded from standard input: name the image, "
            f"edgepatent search --replay {file} IMG"
        )
    with Searcher(request.indexes, threads=threads) as searcher:
        new = record_of(searcher.run(request), searcher)
    replay = Replay(
        same=not record.differences(old, new),
        changes=record.changes(old, new),
        differences=record.differences(old, new),
        now=new,
    )
    if as_json:
        console.print_json(replay)
    else:
        _show(replay, old.created)
    return 0 if replay.same else 1


def _show(replay: Replay, created: str) -> None:
    for line in replay.changes:
        click.echo(f"changed: {line}")
    for line in replay.differences:
        click.echo(f"differs: {line}")
    if replay.same:
        click.echo(f"the same {len(replay.now.hits)} hits as on {created}")


def _require_as_many(
    file: Path, what: str, then: tuple[object, ...], now: tuple[object, ...]
) -> None:
    if len(then) != len(now):
        raise InputError(f"{file} was recorded with {len(then)} {what}, not {len(now)}")
