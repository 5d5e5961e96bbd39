"""``edgepatent search``: which patents look like this?"""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgepatent import console
from edgepatent.asking import from_stdin, question_options
from edgepatent.options import csv_option, json_option, threads_option, xlsx_option
from edgepatent.places import indexes_option, matter_option

if TYPE_CHECKING:
    from edgepatent.matter import Matter
    from edgepatent_runtime.index import Index
    from edgepatent_runtime.search.request import Request
    from edgepatent_runtime.search.results import Result


class _Search(click.Command):
    """Hands on what used to be options of this verb to the verbs that they have become."""

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """The context of this verb, or of ``batch`` or ``replay``."""
        for place, argument in enumerate(args):
            option, given, value = argument.partition("=")
            if option in ("--batch", "--replay"):
                verb = option[2:]
                from edgepatent.cli import command as edgepatent

                other = edgepatent.get_command(parent or click.Context(edgepatent), verb)
                assert other is not None
                console.say(f"search {option} is a verb now: edgepatent {verb}", err=True)
                moved = [value] if given else args[place + 1 : place + 2]
                rest = args[place + 1 :] if given else args[place + 2 :]
                return other.make_context(verb, [*moved, *args[:place], *rest], parent, **extra)
        return super().make_context(info_name, args, parent, **extra)


@click.command(cls=_Search)
@indexes_option
@question_options
@threads_option
@click.option(
    "--html",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write a page to look at and to print: the query beside its hits.",
)
@csv_option
@xlsx_option
@click.option(
    "--record",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write what was searched, with what and what came of it, for edgepatent replay.",
)
@click.option(
    "--show",
    multiple=True,
    type=click.Choice(
        ["applicant", "assignee", "inventor", "country", "uspc", "application", "filed", "related"]
    ),
    help="A further column of the table; may be repeated.",
)
@click.option("--paths", is_flag=True, help="Print the paths of the best drawings only.")
@click.option(
    "--previews",
    type=click.Choice(["auto", "kitty", "iterm2", "sixel", "off"]),
    default="auto",
    show_default=True,
    help="Small pictures of the hits, in terminals that can show them.",
)
@matter_option
@json_option
def command(
    request: "Request",
    indexes: tuple[Path | str, ...],
    threads: int,
    html: Path | None,
    csv_file: Path | None,
    xlsx: Path | None,
    record: Path | None,
    show: tuple[str, ...],
    paths: bool,
    previews: str,
    matter: Path | None,
    as_json: bool,
) -> None:
    """Find the patents whose drawings look like an image.

    Several images are views of one design: a patent's score is the mean over the views of its
    most similar drawing, a cosine between -1 and 1. A sheet that shows several figures is searched
    with these as views beside it, a PDF with its pages of drawings. IMG may be "-" for standard
    input. The index's own model is used.
    """
    from edgepatent.report.document import searched_with
    from edgepatent_runtime.index import Index

    if str(csv_file) == "-" and (as_json or paths):
        raise click.UsageError("--csv - takes standard output: name a file, or leave out the other")
    with Index.open(indexes, threads=threads) as index:
        given = from_stdin(request)
        case = None
        if matter is not None:
            from edgepatent.matter import Matter

            case = Matter.create(matter)
            request = case.without_noise(request)
        result = index.search(request, given=given)
        for line in searched_with(result):
            console.say(line, err=True)
        if any(view.of and not view.contours for view in result.views):
            console.say("--figure takes one of them, --whole none", err=True)
        if any(view.contours for view in result.views):
            console.say(
                "--photo no searches it as a drawing, --photo product any image so", err=True
            )
        if case is not None:
            from edgepatent.report import filing

            name = case.keep(filing.file(result, index), given)
            console.say(f"kept in {matter} as {name}", err=True)
        _write(result, index, case, html, csv_file, xlsx, record)
        if as_json:
            from edgepatent.report.document import document

            console.print_json(document(result))
        elif paths:
            from edgepatent.report.document import drawing_name

            for hit in result:
                console.say(drawing_name(hit))
        elif str(csv_file) != "-":
            _show(result, show, previews)


def _write(
    result: "Result",
    index: "Index",
    case: "Matter | None",
    html: Path | None,
    csv_file: Path | None,
    xlsx: Path | None,
    record: Path | None,
) -> None:
    """The files that were asked for."""
    from edgepatent_runtime import whole

    if html is not None:
        from edgepatent.report import build, page

        whole.write(html, page.render(build.page_content(result, index, case)).encode())
    if csv_file is not None or xlsx is not None:
        from edgepatent.report import spreadsheet, table

        hits = table.hits_for_spreadsheets(result)
        if csv_file is not None:
            console.write_csv(csv_file, spreadsheet.to_csv(hits))
        if xlsx is not None:
            console.write_file(xlsx, spreadsheet.to_workbook(hits, "Patent drawing search"))
    if record is not None:
        from edgepatent.report import filing

        filing.write(filing.file(result, index), record)


def _show(result: "Result", show: tuple[str, ...], previews: str) -> None:
    """The table, the pictures where the terminal can show them, and how it was found."""
    from edgepatent.report.document import why_no_hit
    from edgepatent.report.table import hit_table

    if not result.hits:
        console.say(f"no hit: {why_no_hit(result)}")
        return
    columns, rows = hit_table(result, show)
    console.print_table(columns, rows)
    if folded := len(result.folded):
        console.say(f"{folded} more hits are no close match: --min-confidence 0 shows them")
    _print_previews(result, previews)
    turned = [
        f"{view.name} turned by {90 * view.quarters}°" for view in result.views if view.quarters
    ]
    details = [
        f"{result.answer.searched} drawings searched",
        f"plan {result.answer.plan}",
        f"{result.timings_ms['total']:.0f} ms",
        *turned,
    ]
    console.say(", ".join(details), err=True)
    if result.answer.doubt is not None:
        console.say(result.answer.doubt, err=True)


def _print_previews(result: "Result", wanted: str) -> None:
    if wanted == "off" or (wanted == "auto" and not sys.stdout.isatty()):
        return
    from edgepatent.report.previews import PROTOCOLS, detect

    protocol = detect(os.environ, True) if wanted == "auto" else wanted
    if protocol is None:
        return
    for hit in result.unfolded:
        pixels = hit.drawings[0].pixels()
        if pixels is not None:
            console.say(f"{hit.rank}. {hit.patent_id}")
            click.echo(PROTOCOLS[protocol](pixels), nl=False)
