"""``edgepatent matter export``: the designs of a matter for other programs."""

from pathlib import Path

import click

from edgepatent import console
from edgepatent.options import csv_option, xlsx_option
from edgepatent.places import matter_argument, matter_indexes_option


@click.command()
@matter_argument
@csv_option
@xlsx_option
@click.option(
    "--ids",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    metavar="FILE",
    help="Write the shortlist and what is rated relevant as a US Information Disclosure Statement "
    "lists it (form PTO/SB/08a); - is standard output.",
)
@matter_indexes_option
def command(
    matter: Path,
    csv_file: Path | None,
    xlsx: Path | None,
    ids: Path | None,
    indexes: tuple[Path | str, ...],
) -> None:
    """Write the designs of a matter for other programs.

    One row a design, noise included.
    """
    from edgepatent.matter import Matter
    from edgepatent.report import matter as papers
    from edgepatent.report import spreadsheet
    from edgepatent_runtime.index import Index

    if csv_file is None and xlsx is None and ids is None:
        raise click.UsageError("say what to write: --csv, --xlsx or --ids")
    case = Matter(matter)
    with Index.open(papers.indexes(case, indexes)) as index:
        table = papers.designs_for_spreadsheets(case, index)
        if csv_file is not None:
            console.write_csv(csv_file, spreadsheet.to_csv(table))
        if xlsx is not None:
            console.write_file(xlsx, spreadsheet.to_workbook(table, case.info.title))
        if ids is not None:
            console.write_file(ids, papers.disclosed(case, index).encode())
