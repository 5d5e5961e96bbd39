"""``edgepatent index verify``: check every stored byte."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgepatent import console
from edgepatent.options import json_option, open_bundle
from edgepatent.places import index_option
from edgepatent_runtime.errors import BundleError, CollectionError, InputError

if TYPE_CHECKING:
    from edgepatent_runtime.collection.check import Problem, Repaired
    from edgepatent_runtime.progress import Progress

_ELSEWHERE = "restore a backup of the database, or add the sources to a new one"


@click.command()
@index_option
@click.option("--repair", is_flag=True, help="Put right what can be put right; folders only.")
@click.option(
    "--model",
    metavar="MODEL",
    help="For --repair: a sound copy of the index's model, where its own is damaged.",
)
@json_option
def command(index: Path | str, repair: bool, model: str | None, as_json: bool) -> None:
    """Check every stored byte; repair what can be repaired.

    Damaged rows are encoded again where the image is still what it was; drawings that nothing can
    restore are given up, and their patents named. Exits with 1 when something is wrong, after
    --repair only when drawings were lost.
    """
    from edgepatent_runtime.index import Index
    from edgepatent_runtime.stores import is_address

    name, repaired = str(index), None
    with console.progress_bar() as progress:
        if is_address(index):
            if repair:
                raise InputError(f"--repair goes with folders only: {_ELSEWHERE}")
            with Index.open(index) as opened:
                name, problems = opened.name, opened.verify(progress)
        else:
            problems, repaired = _folder(Path(index), repair, model, progress)
    if as_json:
        console.print_json({"problems": problems, "repaired": repaired})
    else:
        for problem in problems:
            console.say(f"{problem.part}: {problem.what}")
        if repaired:
            console.say("\n".join(["repaired:", *(f"  {line}" for line in repaired.done)]))
        if not problems:
            console.say(f"{name} is sound")
    if repaired and repaired.lost:
        named = ", ".join(sorted(set(repaired.lost))[:10])
        raise CollectionError(
            f"{len(repaired.lost)} drawings were lost (of {named}): index their sources again"
        )
    if problems and not repaired:
        advice = _ELSEWHERE if is_address(index) else "run edgepatent index verify --repair"
        raise CollectionError(f"{name} is damaged: {advice}")


def _folder(
    folder: Path, repair: bool, model: str | None, progress: "Progress"
) -> "tuple[list[Problem], Repaired | None]":
    """What is wrong with the index in a folder, and what was done about it."""
    from edgepatent_runtime.collection import check
    from edgepatent_runtime.encoder import Encoder

    problems = check.verify(folder, progress)
    if not problems or not repair:
        return problems, None
    encoder = None
    try:
        encoder = Encoder(open_bundle(model) if model else check.bundle(folder))
    except BundleError:
        if model:
            raise
    return problems, check.repair(folder, encoder, progress)
