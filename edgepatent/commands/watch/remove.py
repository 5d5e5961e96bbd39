"""``edgepatent watch remove``: watches that are no longer needed."""

from pathlib import Path

import click

from edgepatent import console
from edgepatent.places import watches_option


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@watches_option
def command(names: tuple[str, ...], watches: Path) -> None:
    """Forget watches."""
    from edgepatent.watch import Watches

    folder = Watches(watches)
    for name in names:
        folder.remove(name)
        console.say(f"removed {name}")
