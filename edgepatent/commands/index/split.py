"""``edgepatent index split``: one index into several."""

from pathlib import Path

import click

from edgepatent import console
from edgepatent.options import json_option
from edgepatent.places import index_option


@click.command()
@index_option
@click.option(
    "--shards",
    type=click.IntRange(1, 99_999),
    required=True,
    metavar="N",
    help="How many shards to make.",
)
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Where the shards go, a folder each.",
)
@json_option
def command(index: Path | str, shards: int, out: Path, as_json: bool) -> None:
    """Copy an index into several, of different patents: the reverse of merge.

    All drawings of a patent go to one shard, the same that edgepatent embed --shard would put them
    in. Each shard is an index by itself; searched together (--index once for each), they answer as
    the whole does. Nothing is encoded again, and the index stays as it is. Interrupted, the same
    command goes on where it stopped.
    """
    from edgepatent_runtime import shards as parts

    with console.progress_bar() as progress:
        held = parts.split(index, out, shards, progress)
    if as_json:
        console.print_json({"out": str(out), "shards": held})
    else:
        console.say(f"{sum(held.values())} drawings in {shards} shards in {out}")
