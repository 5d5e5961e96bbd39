"""``edgepatent watch list``: what is watched."""

from pathlib import Path

import click

from edgepatent import console
from edgepatent.options import json_option
from edgepatent.places import watches_option


@click.command()
@watches_option
@json_option
def command(watches: Path, as_json: bool) -> None:
    """List the watches."""
    from edgepatent.report.digest import summary
    from edgepatent.watch import Watches

    folder = Watches(watches)
    seen = folder.seen()
    found = [summary(folder.get(name), seen.get(name)) for name in folder.names()]
    if as_json:
        console.print_json(found)
        return
    if not found:
        console.say(f"no watches in {watches}: edgepatent watch add NAME IMG", err=True)
        return
    console.print_table(
        ["watch", "asks", "last ran", "shown", "index"],
        [
            [one.name, one.asks, one.ran[:16], str(one.shown), ", ".join(one.indexes)]
            for one in found
        ],
    )
