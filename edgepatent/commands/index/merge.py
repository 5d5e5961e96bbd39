"""``edgepatent index merge``: copy other indexes into one."""

from dataclasses import asdict
from pathlib import Path

import click

from edgepatent import console
from edgepatent.options import index_option, json_option


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
def command(others: tuple[Path, ...], index: Path, as_json: bool) -> None:
    """Copy the drawings of other indexes into one.

    All must be of one model; nothing is encoded again, and the others stay as they are. Where the
    index named by --index does not exist, it is made with the model of the first OTHER.
    """
    from edgepatent_runtime.collection import Collection
    from edgepatent_runtime.collection.catalog import exists
    from edgepatent_runtime.collection.ingest import Added

    result = Added()
    if exists(index):
        target = Collection.open(index, write=True)
    else:
        with Collection.open(others[0]) as first:
            target = Collection.create(index, first.bundle)
    with target, console.progress_bar() as progress:
        for folder in others:
            with Collection.open(folder) as other:
                result += target.merge(other, progress)
        target.finish(progress)
        info = target.info()
    if as_json:
        console.print_json({**asdict(result), "index": info})
    else:
        click.echo(
            f"{result.added + result.replaced} drawings copied, {result.unchanged} were there; "
            f"{info.drawings} drawings of {info.patents} patents in {index}"
        )
