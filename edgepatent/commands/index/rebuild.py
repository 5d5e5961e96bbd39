"""``edgepatent index rebuild``: make an index anew."""

from pathlib import Path

import click

from edgepatent import console
from edgepatent.options import all_threads_option, json_option
from edgepatent.places import index_option


@click.command()
@index_option
@click.option("--model", metavar="MODEL", help="Encode all drawings again with this model.")
@click.option(
    "--figures",
    is_flag=True,
    help="Take sheets apart that were stored whole, and store their figures beside them.",
)
@all_threads_option
@json_option
def command(
    index: Path | str, model: str | None, figures: bool, threads: int, as_json: bool
) -> None:
    """Make an index anew: compacted, encoded with another model, or with figures.

    Without --model and --figures the rows are copied to a new file without the removed ones, and
    signs and graph are made again. With --model every image must still be there, unless it is a
    copy of the index's own model that knows words, say: then nothing is encoded. --figures says
    which sources are gone and takes the other sheets apart. Searches go on meanwhile, in what was
    there before. Interrupted, the same command goes on where it stopped.
    """
    from edgepatent_runtime.index import Index
    from edgepatent_runtime.record import Skipped

    skipped = Skipped()
    with console.progress_bar() as progress:
        with Index.open(index) as opened:
            added = opened.rebuild(
                model, figures=figures, threads=threads, skipped=skipped, progress=progress
            )
        with Index.open(index) as opened:
            info = opened.info()
    console.report_skipped(skipped)
    if as_json:
        console.print_json({"figures": added, "skipped": skipped.counts, "index": info})
    else:
        if figures:
            console.say(f"{added} figures stored beside their sheets")
        console.say(f"{info.drawings} drawings of {info.patents} patents in {index}")
