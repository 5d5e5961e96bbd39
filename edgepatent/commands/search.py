"""``edgepatent search``: which patents look like this?"""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgepatent import console
from edgepatent.options import indexes_option, json_option

if TYPE_CHECKING:
    from edgepatent.searching import Result, Searcher

Crop = tuple[int, int, int, int]


def _crop(ctx: click.Context, parameter: click.Parameter, value: str | None) -> Crop | None:
    if value is None:
        return None
    try:
        x, y, width, height = (int(part) for part in value.split(","))
    except ValueError:
        raise click.BadParameter("write four whole numbers: x,y,width,height") from None
    if width < 1 or height < 1:
        raise click.BadParameter("width and height must be at least 1")
    return x, y, width, height


@click.command()
@click.argument("images", nargs=-1, metavar="[IMG]...")
@indexes_option
@click.option(
    "--top",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    metavar="N",
    help="How many hits to show.",
)
@click.option("--like", metavar="PATENT_ID", help="Search with all views of an indexed patent.")
@click.option(
    "--text",
    metavar="WORDS",
    help="Only patents with all these words in title or figure descriptions; without IMG, "
    "search by the words alone.",
)
@click.option(
    "--fuse",
    is_flag=True,
    help="Let --text rank beside the images (reciprocal rank fusion) instead of filtering.",
)
@click.option(
    "--locarno",
    multiple=True,
    metavar="CODE",
    help="Only this Locarno subclass (06-01) or class (06); may be repeated.",
)
@click.option(
    "--not-locarno", multiple=True, metavar="CODE", help="Without this subclass or class."
)
@click.option("--since", metavar="DATE", help="Only patents of this date (YYYY-MM-DD) or later.")
@click.option(
    "--before", metavar="DATE", help="Only patents older than this date: the priority date."
)
@click.option(
    "--patent", "patents", multiple=True, metavar="ID", help="Only this patent; may be repeated."
)
@click.option("--not-patent", "not_patents", multiple=True, metavar="ID", help="Without it.")
@click.option(
    "--by",
    type=click.Choice(["patent", "drawing"]),
    default="patent",
    show_default=True,
    help="What a hit is: a patent with all its views, or one drawing.",
)
@click.option(
    "--plan",
    type=click.Choice(["auto", "exact", "scan", "graph"]),
    default="auto",
    show_default=True,
    help="How candidates are found; auto is exact up to 20,000 drawings.",
)
@click.option(
    "--any-rotation", is_flag=True, help="Try the image in all four quarter turns, keep the best."
)
@click.option(
    "--crop",
    metavar="X,Y,W,H",
    callback=_crop,
    help="Use this part of the image only; pixels from the top left corner.",
)
@click.option(
    "--page",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="N",
    help="The page of a PDF or TIFF.",
)
@click.option(
    "--anyway", is_flag=True, help="Search even if the image does not look like a drawing."
)
@click.option(
    "--threads", default=1, show_default=True, metavar="N", help="Cores that the model may use."
)
@click.option(
    "--batch",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    metavar="DIR",
    help="Search with every image of a folder, each by itself; needs --out.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Where --batch writes one JSON file an image.",
)
@click.option(
    "--html",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write a page to look at and to print: the query beside its hits.",
)
@click.option(
    "--csv",
    "csv_file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the hits as CSV.",
)
@click.option(
    "--record",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write what was searched, with what and what came of it, for --replay.",
)
@click.option(
    "--replay",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Search again as recorded (IMG replaces query images that have moved) and say what "
    "differs; exits with 1 if the hits do.",
)
@click.option("--paths", is_flag=True, help="Print the paths of the best drawings only.")
@click.option(
    "--previews",
    type=click.Choice(["auto", "kitty", "iterm2", "sixel", "off"]),
    default="auto",
    show_default=True,
    help="Small pictures of the hits, in terminals that can show them.",
)
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    images: tuple[str, ...],
    indexes: tuple[Path, ...],
    top: int,
    like: str | None,
    text: str | None,
    fuse: bool,
    locarno: tuple[str, ...],
    not_locarno: tuple[str, ...],
    since: str | None,
    before: str | None,
    patents: tuple[str, ...],
    not_patents: tuple[str, ...],
    by: str,
    plan: str,
    any_rotation: bool,
    crop: Crop | None,
    page: int,
    anyway: bool,
    threads: int,
    batch: Path | None,
    out: Path | None,
    html: Path | None,
    csv_file: Path | None,
    record: Path | None,
    replay: Path | None,
    paths: bool,
    previews: str,
    as_json: bool,
) -> None:
    """Find the patents whose drawings look like an image.

    Several images are views of one design: a patent's score is the mean over the views of its
    most similar drawing, a cosine between -1 and 1. IMG may be "-" for standard input. The
    collection's own model is used. An indexed query image is never its own hit.
    """
    from edgepatent.searching import Query, Request, Searcher

    _require_combination(images, like, text, fuse, by, batch, out, html, csv_file, record, replay)
    request = Request(
        indexes=tuple(map(str, indexes)),
        queries=tuple(Query(image, page - 1, crop) for image in images),
        like=like,
        text=text,
        fuse=fuse,
        top=top,
        by="drawing" if by == "drawing" else "patent",
        plan=plan,
        any_rotation=any_rotation,
        anyway=anyway,
        locarno=locarno,
        not_locarno=not_locarno,
        since=since,
        before=before,
        patents=patents,
        not_patents=not_patents,
    )
    if replay is not None:
        from edgepatent.report.replay import replay_record

        moved = ctx.get_parameter_source("indexes") == click.core.ParameterSource.COMMANDLINE
        ctx.exit(replay_record(replay, request, moved, threads, as_json))
    with Searcher(request.indexes, threads=threads, resident=batch is not None) as searcher:
        if batch is not None:
            from edgepatent.report.batch import search_folder

            assert out is not None
            search_folder(searcher, request, batch, out)
            return
        standard_input = sys.stdin.buffer.read() if "-" in images else b""
        result = searcher.run(request, standard_input)
        _write(result, searcher, html, csv_file, record)
        if as_json:
            from edgepatent.report.document import document

            console.print_json(document(result, searcher))
        elif paths:
            from edgepatent.report.document import drawing_name

            for hit in result.answer.hits:
                click.echo(drawing_name(hit))
        else:
            _show(result, searcher, previews)


def _require_combination(
    images: tuple[str, ...],
    like: str | None,
    text: str | None,
    fuse: bool,
    by: str,
    batch: Path | None,
    out: Path | None,
    html: Path | None,
    csv_file: Path | None,
    record: Path | None,
    replay: Path | None,
) -> None:
    """Raise `click.UsageError` for options that do not go together."""
    if replay is not None:
        return
    if batch is not None:
        if images or like or html or csv_file or record:
            raise click.UsageError(
                "--batch writes JSON for a folder of images: it goes with filters and --out only"
            )
        if out is None:
            raise click.UsageError("--batch needs --out DIR for its results")
        return
    if out is not None:
        raise click.UsageError("--out belongs to --batch")
    if images and like:
        raise click.UsageError("name images or --like, not both")
    if not images and not like and not text:
        raise click.UsageError("name an image to search with, or use --like or --text")
    if fuse and (not text or not (images or like)):
        raise click.UsageError("--fuse needs --text and an image (or --like)")
    if by == "drawing" and (fuse or not (images or like)):
        raise click.UsageError("--by drawing goes with images, not with a ranking by words")


def _write(
    result: "Result",
    searcher: "Searcher",
    html: Path | None,
    csv_file: Path | None,
    kept: Path | None,
) -> None:
    """The files that were asked for."""
    from edgepatent_runtime import whole

    if html is not None:
        from edgepatent.report import build, page

        whole.write(html, page.render(build.page_content(result, searcher)).encode())
    if csv_file is not None:
        from edgepatent.report import table

        table.write_csv(result, csv_file)
    if kept is not None:
        from edgepatent.report import document, record

        record.write(document.record(result, searcher), kept)


def _show(result: "Result", searcher: "Searcher", previews: str) -> None:
    """The table, the pictures where the terminal can show them, and how it was found."""
    from edgepatent.report.table import hit_table

    hits = result.answer.hits
    if not hits:
        click.echo("no hit: no indexed drawing passes the filters")
        return
    columns, rows = hit_table(result)
    console.print_table(columns, rows)
    _print_previews(result, searcher, previews)
    turned = [
        f"{view.name} turned by {90 * view.quarters}°" for view in result.views if view.quarters
    ]
    details = [
        f"{result.answer.searched} drawings searched",
        f"plan {result.answer.plan}",
        f"{result.timings_ms['total']:.0f} ms",
        *turned,
    ]
    click.echo(", ".join(details), err=True)


def _print_previews(result: "Result", searcher: "Searcher", wanted: str) -> None:
    if wanted == "off" or (wanted == "auto" and not sys.stdout.isatty()):
        return
    from edgepatent.report import build
    from edgepatent.report.previews import PROTOCOLS, detect

    protocol = detect(os.environ, True) if wanted == "auto" else wanted
    if protocol is None:
        return
    for hit in result.answer.hits:
        pixels = build.pixels(hit, hit.drawings[0], searcher)
        if pixels is not None:
            click.echo(f"{hit.rank}. {hit.patent_id}")
            click.echo(PROTOCOLS[protocol](pixels), nl=False)
