"""``edgepatent classify``: which Locarno subclass is this?"""

from pathlib import Path

import click

from edgepatent import console
from edgepatent.options import json_option, threads_option
from edgepatent.places import indexes_option, matter_option


@click.command()
@click.argument("images", nargs=-1, required=True, metavar="IMG...")
@indexes_option
@click.option(
    "--top",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    metavar="N",
    help="How many subclasses to suggest.",
)
@click.option("--anyway", is_flag=True, help="Do not ask whether the image looks like a drawing.")
@threads_option
@matter_option
@json_option
def command(
    images: tuple[str, ...],
    indexes: tuple[Path | str, ...],
    top: int,
    anyway: bool,
    threads: int,
    matter: Path | None,
    as_json: bool,
) -> None:
    """Suggest Locarno subclasses for a drawing, from its neighbours.

    Several images are views of one design. The confidence, 0 to 100 %, is calibrated on the index
    itself: a sample of its patents is classified as if they were not there, and of suggestions
    made with 70 % about seven in ten come true. IMG may be "-" for standard input.
    """
    import sys

    from edgepatent.report.classified import classified, table
    from edgepatent.report.document import no_drawings
    from edgepatent_runtime.index import Index

    given = {"-": sys.stdin.buffer.read()} if "-" in images else {}
    with Index.open(indexes, threads=threads) as index:
        found = index.classify(images, anyway=anyway, given=given)
        document = classified(found, index, top)
    if matter is not None:
        from edgepatent.matter import Matter

        name = Matter.create(matter).keep_classified(document, images, given)
        console.say(f"kept in {matter} as {name}", err=True)
    for line in no_drawings(found.views):
        console.say(line, err=True)
    if as_json:
        console.print_json(document)
        return
    columns, rows = table(document)
    console.print_table(columns, rows)
    fitted = document.calibration
    console.say(
        f"right first for {fitted.accuracy:.0%} of {fitted.patents} patents of this index; "
        f"calibration error {fitted.ece:.3f}",
        err=True,
    )
