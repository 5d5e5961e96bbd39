"""``edgepatent index remove``: forget drawings."""

from pathlib import Path

import click

from edgepatent import console
from edgepatent.options import index_option, json_option


@click.command()
@click.argument("patents", nargs=-1, metavar="[PATENT_ID]...")
@index_option
@click.option("--locarno", multiple=True, metavar="CODE", help="Of this Locarno class or subclass.")
@click.option("--since", metavar="DATE", help="Of this date or later (YYYY-MM-DD).")
@click.option("--before", metavar="DATE", help="Of before this date (YYYY-MM-DD).")
@json_option
def command(
    patents: tuple[str, ...],
    index: Path,
    locarno: tuple[str, ...],
    since: str | None,
    before: str | None,
    as_json: bool,
) -> None:
    """Forget drawings of patents, classes or dates.

    Conditions narrow each other. The images themselves are not touched; the room of forgotten
    drawings is given back when a fifth of an index is such room, or by index rebuild.
    """
    from edgepatent_runtime import dates
    from edgepatent_runtime import locarno as codes
    from edgepatent_runtime.collection import Collection
    from edgepatent_runtime.collection.filters import Filters
    from edgepatent_runtime.errors import InputError
    from edgepatent_runtime.patent_id import canonical

    def date(text: str | None) -> str | None:
        found = dates.parse(text) if text else None
        if text and found is None:
            raise InputError(f"{text!r} is not a date: write YYYY-MM-DD")
        return found

    filters = Filters(
        locarno=tuple(codes.parse(code) or code for code in locarno),
        since=date(since),
        before=date(before),
        patents=tuple(map(canonical, patents)),
    )
    if not filters:
        raise click.UsageError("name patents, --locarno, --since or --before")
    with Collection.open(index, write=True) as collection, console.progress_bar() as progress:
        removed = collection.remove(filters)
        collection.finish(progress)
        info = collection.info()
    if as_json:
        console.print_json({"removed": removed, "index": info})
    else:
        click.echo(f"{removed} drawings removed; {info.drawings} are left in {index}")
    if not removed:
        raise InputError(f"nothing in {index} matches")
