"""Options and arguments that many verbs share, and the models that they name."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from edgepatent_runtime.bundle import Bundle

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document on stdout and nothing else."
)
quiet_option = click.option(
    "--quiet",
    is_flag=True,
    help="For logs: say how many, and nothing of what was asked or found.",
)
sources_argument = click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
model_option = click.option(
    "--model",
    default="starter",
    show_default=True,
    metavar="MODEL",
    help="A bundle, a run (needs the train extra), or a name: starter, starter-small.",
)
scored_option = click.option(
    "--data",
    "specs",
    multiple=True,
    required=True,
    metavar="SOURCE",
    help="Drawings to score on; repeat it to score several sources together.",
)
csv_option = click.option(
    "--csv",
    "csv_file",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    metavar="FILE",
    help="Write a row a design as CSV; - is standard output, with nothing else on it.",
)
xlsx_option = click.option(
    "--xlsx",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write a row a design as a workbook, with pictures. Needs the xlsx extra.",
)

address_option = click.option(
    "--address",
    metavar="ADDRESS",
    show_default="this machine alone",
    help="A Ray cluster: HOST:PORT of its head, ray://HOST:PORT of its client server, or auto.",
)
# More than any machine has cores: each takes memory, whether there is work for it or not.
MOST_THREADS = 256
threads_option = click.option(
    "--threads",
    type=click.IntRange(0, MOST_THREADS),
    default=0,
    show_default="as bench --save found, else 1",
    metavar="N",
    help="Cores that the model may use.",
)
all_threads_option = click.option(
    "--threads",
    type=click.IntRange(0, MOST_THREADS),
    default=0,
    show_default="as bench --save found, else all",
    metavar="N",
    help="Cores that the model and the graph may use.",
)


def is_run(model: str) -> bool:
    """Whether MODEL names the folder of a training run rather than a bundle."""
    from edgepatent_runtime.bundle import INFO

    folder = Path(model)
    return (folder / "recipe.toml").is_file() and not (folder / INFO).is_file()


def open_bundle(model: str) -> "Bundle":
    """The bundle that MODEL names. Raises `BundleError` where there is none."""
    from edgepatent_runtime.bundle import Bundle

    return Bundle.named(model)
