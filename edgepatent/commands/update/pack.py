"""``edgepatent update pack``: what differs between two indexes, to carry."""

from pathlib import Path

import click

from edgepatent import console
from edgepatent.options import json_option

FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command()
@click.option("--index", required=True, type=FOLDER, metavar="NEW", help="The index as it is now.")
@click.option(
    "--from",
    "old",
    required=True,
    type=FOLDER,
    metavar="OLD",
    help="The index as those have it who will be updated: a copy.",
)
@click.option("--out", required=True, type=FOLDER, metavar="DIR", help="The pack, a new folder.")
@click.option(
    "--key",
    "secret",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="NAME.key",
    help="Sign it with this secret key, as edgepatent bundle key makes it (needs the sign extra).",
)
@json_option
def command(index: Path, old: Path, out: Path, secret: Path | None, as_json: bool) -> None:
    """Write what differs between two indexes into a folder to carry.

    That is all drawings, facts and thumbnails of patents that are new or other than they were,
    which patents go, and the model where it is another one. Both indexes are only read. Carry the
    folder as you like (a USB stick, rsync) and give it to edgepatent update apply: it fits every
    copy of OLD, and no other index.
    """
    from edgepatent_runtime.update.making import make

    with console.progress_bar() as progress:
        packed = make(index, old, out, secret=secret, progress=progress)
    if as_json:
        console.print_json(packed)
        return
    console.say(
        f"{out} leads from edition {packed.base[:16]} to {packed.target[:16]}: {packed.added} "
        f"patents come, {packed.changed} change, {packed.removed} go"
        f"{', another model comes' if packed.model else ''}; {packed.drawings} drawings, "
        f"{packed.bytes / 1e6:.1f} MB"
    )
