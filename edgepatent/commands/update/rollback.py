"""``edgepatent update rollback``: an index as it was before."""

from pathlib import Path

import click

from edgepatent import console
from edgepatent.options import json_option
from edgepatent.places import index_option


@click.command()
@index_option
@json_option
def command(index: Path, as_json: bool) -> None:
    """Bring an index back to what it was before its last update.

    What the update took away lies in the index; this is an update by it, as safe as the other.
    Refused where the index was changed in between.
    """
    from edgepatent_runtime.update.applying import rollback

    with console.progress_bar() as progress:
        applied = rollback(index, progress=progress)
    if as_json:
        console.print_json(applied)
        return
    console.say(
        f"{index} is back at edition {applied.target[:16]}: {applied.drawings} drawings of "
        f"{applied.patents} patents"
    )
