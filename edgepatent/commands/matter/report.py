"""``edgepatent matter report``: the papers for the file."""

from pathlib import Path

import click

from edgepatent import console
from edgepatent.places import matter_argument, matter_indexes_option


@click.command()
@matter_argument
@click.option(
    "--html",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    metavar="FILE",
    help="Where the page goes; any browser prints it as PDF.",
)
@matter_indexes_option
def command(matter: Path, html: Path, indexes: tuple[Path | str, ...]) -> None:
    """Write the report for the file: one page to look at and to print."""
    from edgepatent.matter import Matter
    from edgepatent.report import matter as papers
    from edgepatent.report import page
    from edgepatent_runtime import whole
    from edgepatent_runtime.index import Index

    case = Matter(matter)
    with Index.open(papers.indexes(case, indexes)) as index:
        whole.write(html, page.render(papers.page_content(case, index)).encode())
    console.say(f"wrote {html}", err=True)
