"""``edgepatent update apply``: a pack, and an index that it leads on."""

from pathlib import Path

import click

from edgepatent import console
from edgepatent.options import json_option
from edgepatent.places import index_option


@click.command()
@click.argument("pack", metavar="PACK", type=click.Path(path_type=Path, file_okay=False))
@index_option
@click.option(
    "--key",
    "public",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="NAME.pub",
    help="Refuse a pack that the owner of this key has not signed (needs the sign extra).",
)
@json_option
def command(pack: Path, index: Path, public: Path | None, as_json: bool) -> None:
    """Bring an index up to date with a pack.

    Every file of PACK is checked and copied first, then one step changes the index: whenever the
    power is cut, it is what it was or what it shall be, and the same command goes on. Searches go
    on meanwhile. An index that has it already stays as it is; one that is neither what the pack
    was made for is refused. What it replaces is kept for edgepatent update rollback.
    """
    from edgepatent_runtime.update.applying import apply

    with console.progress_bar() as progress:
        applied = apply(pack, index, public=public, progress=progress)
    if as_json:
        console.print_json(applied)
        return
    console.say(
        f"{index} {'is now' if applied.changed else 'is already'} edition "
        f"{applied.target[:16]}: {applied.drawings} drawings of {applied.patents} patents"
    )
