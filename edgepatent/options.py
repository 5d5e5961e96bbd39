"""Options and arguments that several verbs share, and the resolving of what they name."""

from pathlib import Path
from typing import TYPE_CHECKING

import click
import platformdirs

if TYPE_CHECKING:
    from edgepatent_runtime.bundle import Bundle

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document on stdout and nothing else."
)
sources_argument = click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
model_option = click.option(
    "--model",
    default="starter",
    show_default=True,
    metavar="MODEL",
    help="A bundle, a run (needs the train extra), or the word starter.",
)


def default_index() -> Path:
    """The index in the user's data folder."""
    return Path(platformdirs.user_data_dir("edgepatent", appauthor=False)) / "index"


index_option = click.option(
    "--index",
    envvar="EDGEPATENT_INDEX",
    type=click.Path(path_type=Path, file_okay=False),
    default=default_index,
    show_default="the user's data folder",
    metavar="DIR",
    help="The folder of the collection; $EDGEPATENT_INDEX names another default.",
)

indexes_option = click.option(
    "--index",
    "indexes",
    envvar="EDGEPATENT_INDEX",
    type=click.Path(path_type=Path, file_okay=False),
    multiple=True,
    default=lambda: [default_index()],
    show_default="the user's data folder",
    metavar="DIR",
    help="The folder of a collection; repeat it to search several of one model at once. "
    "$EDGEPATENT_INDEX names another default.",
)


def is_run(model: str) -> bool:
    """Whether MODEL names the folder of a training run rather than a bundle."""
    from edgepatent_runtime.bundle import INFO

    folder = Path(model)
    return (folder / "recipe.toml").is_file() and not (folder / INFO).is_file()


def open_bundle(model: str) -> "Bundle":
    """The bundle that MODEL names. Raises `BundleError` where there is none."""
    from edgepatent_runtime.bundle import Bundle

    return Bundle.starter() if model == "starter" else Bundle(model)
