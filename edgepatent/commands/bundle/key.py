"""``edgepatent bundle key``: a pair of keys."""

from pathlib import Path

import click

from edgepatent import console


@click.command()
@click.argument("name", type=click.Path(path_type=Path, dir_okay=False), metavar="NAME")
def command(name: Path) -> None:
    """Make a pair of keys to sign bundles with.

    NAME.key is secret, and only its owner can read it: whoever has it can sign in your name. Give
    NAME.pub to those who shall verify, by another way than the bundles. Needs the sign extra.
    """
    from edgepatent_runtime import signature

    secret, public = name.with_name(f"{name.name}.key"), name.with_name(f"{name.name}.pub")
    key = signature.make_keys(secret, public)
    console.say(f"key {key}: {secret} is secret, {public} is for everybody")
