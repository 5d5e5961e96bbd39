"""``edgepatent index merge``: copy other indexes into one."""

from dataclasses import asdict
from pathlib import Path

import click

from edgepatent import console
from edgepatent.options import json_option
from edgepatent.places import index_option


@click.command()
@click.argument(
    "others",
    nargs=-1,
    required=True,
    metavar="OTHER...",
    type=click.Path(path_type=Path, file_okay=False),
)
@index_option
@json_option
def command(others: tuple[Path, ...], index: Path | str, as_json: bool) -> None:
    """Copy the drawings of other indexes into one.

    All must be of one model; nothing is encoded again, and the others stay as they are. Where the
    index named by --index does not exist, it is made with the model of the first OTHER. The shards
    of edgepatent embed --shard, merged, are the index that index add would have made. Interrupted,
    the same command goes on where it stopped.
    """
    from edgepatent_runtime.index import Index

    with Index.open(others[0]) as first, Index.ready(index, new=first.bundle) as target:
        with console.progress_bar() as progress:
            result = target.merge(*others, progress=progress)
        info, name = target.info(), target.name
    if as_json:
        console.print_json({**asdict(result), "index": info})
    else:
        console.say(
            f"{result.added + result.replaced} drawings copied, {result.unchanged} were there; "
            f"{info.drawings} drawings of {info.patents} patents in {name}"
        )
