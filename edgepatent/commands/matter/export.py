"""``edgepatent matter export``: the designs of a matter as a table."""

from pathlib import Path

import click

from edgepatent.options import matter_argument, matter_indexes_option, output_path


@click.command()
@matter_argument
@click.option(
    "--csv",
    "csv_file",
    type=output_path,
    required=True,
    metavar="FILE",
    help="One row a design, noise included; - is standard output.",
)
@matter_indexes_option
def command(matter: Path, csv_file: Path, indexes: tuple[Path, ...]) -> None:
    """Write the designs of a matter for other programs."""
    from edgepatent import console
    from edgepatent.matter import Matter
    from edgepatent.report import matter as papers
    from edgepatent_runtime.index import Index

    case = Matter(matter)
    with Index.open(papers.indexes(case, indexes)) as index:
        console.write_csv(csv_file, papers.csv_of(case, index))
