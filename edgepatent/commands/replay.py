"""``edgepatent replay``: whether a search that was put on file still gives the same."""

from pathlib import Path
from typing import Any

import click

from edgepatent import console
from edgepatent.options import json_option, threads_option
from edgepatent.places import indexes_option
from edgepatent_runtime.errors import InputError


@click.command()
@click.argument(
    "file", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False, resolve_path=True)
)
@click.argument("images", nargs=-1, metavar="[IMG]...")
@indexes_option
@threads_option
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    file: Path,
    images: tuple[str, ...],
    indexes: tuple[Path | str, ...],
    threads: int,
    as_json: bool,
) -> None:
    """Search again as recorded in FILE (search --record) and say what differs.

    IMG replaces query images that have moved, --index indexes that have. Exits with 1 if the hits
    are not the same.
    """
    import msgspec

    from edgepatent.report import filing
    from edgepatent_runtime.index import Index

    old = filing.read(file)
    request = old.request
    folders = tuple(index.path for index in old.indexes)
    if ctx.get_parameter_source("indexes") == click.core.ParameterSource.COMMANDLINE:
        _require_as_many(file, "collections", folders, indexes)
        folders = tuple(map(str, indexes))
    if images:
        _require_as_many(file, "query images", request.queries, images)
        moved = tuple(
            msgspec.structs.replace(then, path=now)
            for then, now in zip(request.queries, images, strict=True)
        )
        request = msgspec.structs.replace(request, queries=moved)
    if any(query.path == "-" for query in request.queries):
        raise InputError(
            f"{file} was recorded from standard input: name the image, edgepatent replay {file} IMG"
        )
    with Index.open(folders, threads=threads) as index:
        new = filing.file(index.search(request), index)
    changes, differences = filing.changes(old, new), filing.differences(old, new)
    if as_json:
        document: dict[str, Any] = {
            "same": not differences,
            "changes": changes,
            "differences": differences,
            "now": filing.plain(new),
        }
        console.print_json(document)
    else:
        for line in changes:
            console.say(f"changed: {line}")
        for line in differences:
            console.say(f"differs: {line}")
        if not differences:
            console.say(f"the same {len(new.hits)} hits as on {old.created}")
    ctx.exit(1 if differences else 0)


def _require_as_many(
    file: Path, what: str, then: tuple[object, ...], now: tuple[object, ...]
) -> None:
    if len(then) != len(now):
        raise InputError(f"{file} was recorded with {len(then)} {what}, not {len(now)}")
