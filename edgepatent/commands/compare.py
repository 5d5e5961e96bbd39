"""``edgepatent compare``: several models side by side on the same drawings."""

from pathlib import Path

import click

from edgepatent import console
from edgepatent.options import json_option, scored_option, threads_option


@click.command(short_help="Score several models on the same drawings, side by side.")
@click.argument("models", nargs=-1, required=True, metavar="MODEL...")
@scored_option
@click.option(
    "--html",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the comparison as a page, one file without script.",
)
@threads_option
@json_option
def command(
    models: tuple[str, ...],
    specs: tuple[str, ...],
    html: Path | None,
    threads: int,
    as_json: bool,
) -> None:
    """Score every MODEL (a bundle, a run, starter, starter-small) on the same drawings.

    Each is compared with the first one, query by query: differences are in points (hundredths),
    with paired 95 % bootstrap intervals over patents, so that what is hard for both cancels out.
    One whose interval holds 0 may be chance (a question mark says so). Scores hold for a gallery of
    this size, and fall as a gallery grows.
    """
    if len(models) < 2:
        raise click.UsageError("Name two models or more: compare MODEL MODEL --data SOURCE.")
    from edgepatent.comparison import compare
    from edgepatent.encoding import open_model, read_records
    from edgepatent_runtime.record import Skipped

    skipped = Skipped()
    opened = [(name, open_model(name, threads=threads)) for name in models]
    with console.progress_bar() as progress:
        found = compare(opened, list(read_records(specs, skipped)), skipped, progress)
    console.report_skipped(skipped)
    for model in found.models:
        if model.seen:
            console.warn(
                f"{model.name} was trained on {model.seen} of these {found.drawings} drawings"
            )
    if html is not None:
        from edgepatent.report.compared import write_page

        write_page(found, html)
    if as_json:
        console.print_json(found)
        return
    console.say(
        f"{found.drawings} drawings of {found.patents} patents, each a query in a gallery of "
        f"{found.gallery}"
    )
    for level in found.models[0].scores.levels:
        rows = []
        for model in found.models:
            scores = model.scores.levels[level]
            if not scores.queries:
                continue
            against = model.against_first.get(level)
            rows.append(
                [
                    model.name,
                    f"{scores.map:.3f}",
                    _difference(against, "mAP"),
                    f"{scores.recall_1:.3f}",
                    _difference(against, "recall@1"),
                    f"{scores.precision_10:.3f}",
                    _difference(against, "precision@10"),
                ]
            )
        if rows:
            columns = ["", "mAP", "points", "R@1", "points", "P@10", "points"]
            console.print_table(columns, rows, title=f"{level} level")
    if html is not None:
        console.say(f"look at {html}")


def _difference(against: "dict | None", measure: str) -> str:  # type: ignore[type-arg]
    if against is None:
        return ""
    found = against[measure]
    numbers = [100 * value for value in (found.difference, found.low, found.high)]
    return "{:+.1f} ({:+.1f} to {:+.1f})".format(*numbers) + ("" if found.sure else " ?")
