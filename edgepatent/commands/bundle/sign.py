"""``edgepatent bundle sign``: say who made a bundle."""

from pathlib import Path

import click

from edgepatent import console
from edgepatent.options import open_bundle


@click.command()
@click.argument("bundle", metavar="BUNDLE")
@click.option(
    "--key",
    "secret",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="NAME.key",
    help="The secret key, as edgepatent bundle key makes it.",
)
def command(bundle: str, secret: Path) -> None:
    """Sign a bundle.

    Writes bundle.json.sig beside its description, which holds the digest of every file. An index
    takes the signature along with its copy of the bundle. Needs the sign extra.
    """
    from edgepatent_runtime import signature

    opened = open_bundle(bundle)
    key = signature.sign(opened, secret)
    console.say(f"{opened.folder} is signed by key {key}")
