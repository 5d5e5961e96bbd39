"""``edgepatent index remove``: forget drawings."""

from pathlib import Path

import click

from edgepatent import console
from edgepatent.options import json_option
from edgepatent.places import index_option


@click.command()
@click.argument("patents", nargs=-1, metavar="[PATENT_ID]...")
@index_option
@click.option("--locarno", multiple=True, metavar="CODE", help="Of this Locarno class or subclass.")
@click.option("--since", metavar="DATE", help="Of this date or later (YYYY-MM-DD, or a year).")
@click.option("--before", metavar="DATE", help="Of before this date (YYYY-MM-DD, or a year).")
@json_option
def command(
    patents: tuple[str, ...],
    index: Path | str,
    locarno: tuple[str, ...],
    since: str | None,
    before: str | None,
    as_json: bool,
) -> None:
    """Forget drawings of patents, classes or dates.

    Conditions narrow each other. The images themselves are not touched; the room of forgotten
    drawings is given back when a fifth of an index is such room, or by index rebuild.
    """
    from edgepatent_runtime.errors import InputError
    from edgepatent_runtime.index import Index

    if not (patents or locarno or since or before):
        raise click.UsageError("name patents, --locarno, --since or --before")
    with Index.open(index) as opened, console.progress_bar() as progress:
        removed = opened.remove(
            patents, locarno=locarno, since=since, before=before, progress=progress
        )
        info, name = opened.info(), opened.name
    if as_json:
        console.print_json({"removed": removed, "index": info})
    else:
        console.say(f"{removed} drawings removed; {info.drawings} are left in {name}")
    if not removed:
        raise InputError(f"nothing in {name} matches")
