"""``edgepatent index verify``: check every stored byte."""

from pathlib import Path

import click

from edgepatent import console
from edgepatent.options import json_option, open_bundle
from edgepatent.places import index_option


@click.command()
@index_option
@click.option("--repair", is_flag=True, help="Put right what can be put right.")
@click.option(
    "--model",
    metavar="MODEL",
    help="For --repair: a sound copy of the index's model, where its own is damaged.",
)
@json_option
def command(index: Path, repair: bool, model: str | None, as_json: bool) -> None:
    """Check every stored byte; repair what can be repaired.

    Damaged rows are encoded again where the image is still what it was; drawings that nothing can
    restore are given up, and their patents named. Exits with 1 when something is wrong, after
    --repair only when drawings were lost.
    """
    from edgepatent_runtime.bundle import Bundle
    from edgepatent_runtime.collection import check
    from edgepatent_runtime.encoder import Encoder
    from edgepatent_runtime.errors import BundleError, CollectionError

    with console.progress_bar() as progress:
        problems = check.verify(index, progress)
        repaired = None
        if problems and repair:
            encoder = None
            try:
                bundle: Bundle = open_bundle(model) if model else check.bundle(index)
                encoder = Encoder(bundle)
            except BundleError:
                if model:
                    raise
            repaired = check.repair(index, encoder, progress)
    if as_json:
        console.print_json({"problems": problems, "repaired": repaired})
    else:
        for problem in problems:
            console.say(f"{problem.part}: {problem.what}")
        if repaired:
            console.say("\n".join(["repaired:", *(f"  {line}" for line in repaired.done)]))
        if not problems:
            console.say(f"{index} is sound")
    if repaired and repaired.lost:
        named = ", ".join(sorted(set(repaired.lost))[:10])
        raise CollectionError(
            f"{len(repaired.lost)} drawings were lost (of {named}): index their sources again"
        )
    if problems and not repaired:
        raise CollectionError(f"{index} is damaged: run edgepatent index verify --repair")
