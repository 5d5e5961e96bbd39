"""``edgepatent bundle verify``: who made a bundle, and is it still that?"""

from pathlib import Path

import click

from edgepatent import console
from edgepatent.options import open_bundle


@click.command()
@click.argument("bundle", metavar="BUNDLE")
@click.option(
    "--key",
    "public",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="NAME.pub",
    help="The public key of whoever you expect to have made it.",
)
def command(bundle: str, public: Path) -> None:
    """Check that a bundle was signed by a key and has not changed since.

    BUNDLE may also be the copy in an index (INDEX/bundle-000001). Exits with 1 where it was signed
    by nobody or by another key, or where one of its files has changed. Needs the sign extra.
    """
    from edgepatent_runtime import signature

    opened = open_bundle(bundle)
    key = signature.verify(opened, public)
    console.say(f"{opened.folder} is what key {key} has signed")
