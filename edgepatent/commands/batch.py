"""``edgepatent batch``: every image of a folder, one search each."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgepatent import console
from edgepatent.asking import request_options
from edgepatent.options import quiet_option, threads_option
from edgepatent.places import indexes_option

if TYPE_CHECKING:
    from edgepatent.report.overview import Row
    from edgepatent_runtime.index import Index
    from edgepatent_runtime.search.request import Request
    from edgepatent_runtime.search.results import Result


@click.command()
@click.argument(
    "folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False, exists=True)
)
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Where one JSON file an image goes.",
)
@click.option(
    "--html",
    is_flag=True,
    help="Also write a page to look at and to print for each image, and index.html over all.",
)
@click.option(
    "--new",
    "only_new",
    is_flag=True,
    help="Leave out images whose answer lies in --out already and is younger than they are.",
)
@indexes_option
@request_options
@threads_option
@quiet_option
def command(
    request: "Request",
    folder: Path,
    out: Path,
    html: bool,
    only_new: bool,
    quiet: bool,
    indexes: tuple[Path | str, ...],
    threads: int,
) -> None:
    """Search with every image of a folder, each by itself.

    Writes what search --json would print into one JSON file an image, and a table of the best
    hits on stdout. What is no drawing is skipped and counted.
    """
    import msgspec

    from edgepatent.report.document import document
    from edgepatent.report.table import score
    from edgepatent_runtime import whole
    from edgepatent_runtime.errors import DrawingError, InputError
    from edgepatent_runtime.index import Index
    from edgepatent_runtime.record import Skipped
    from edgepatent_runtime.search.request import Query

    files = sorted(p for p in folder.iterdir() if p.is_file() and not p.name.startswith("."))
    if only_new:
        files = [file for file in files if not _answered(file, out)]
        if not files:
            console.say(f"nothing new in {folder}", err=True)
            return
    asked = [msgspec.structs.replace(request, queries=(Query(str(file)),)) for file in files]
    if asked and (problem := asked[0].contradiction()):
        raise click.UsageError(problem)
    skipped = Skipped()
    rows = []
    pages: list[Row] = []
    with (
        Index.open(indexes, threads=threads, resident=True) as index,
        console.progress_bar() as progress,
    ):
        out.mkdir(parents=True, exist_ok=True)
        for number, (file, one) in enumerate(zip(files, asked, strict=True), start=1):
            try:
                result = index.search(one)
            except DrawingError as error:
                skipped.add(error.reason, file)
                continue
            text = msgspec.json.encode(document(result))
            whole.write(_answer(out, file), msgspec.json.format(text, indent=2) + b"\n")
            row = [file.name, "", "", ""]
            for hit in result[:1]:
                row[1:] = [hit.patent_id, score(hit), hit.title or ""]
            rows.append(row)
            if html:
                pages.append(_page(out, file.name, result, index))
            progress("searching", number, len(files))
    console.report_skipped(skipped, named=not quiet)
    if not rows:
        raise InputError(f"no image in {folder} can be searched with")
    if html:
        from edgepatent.report import overview

        whole.write(out / "index.html", overview.render(pages).encode())
    if not quiet:
        console.print_table(["query", "best hit", "score", "title"], rows)
    console.say(f"{len(rows)} results in {out}", err=True)


def _answer(out: Path, file: Path) -> Path:
    """Where the answer to an image goes."""
    return out / f"{file.name}.json"


def _answered(file: Path, out: Path) -> bool:
    """Whether an image was searched with since it was last written."""
    answer = _answer(out, file)
    return answer.exists() and answer.stat().st_mtime_ns >= file.stat().st_mtime_ns


def _page(out: Path, name: str, result: "Result", index: "Index") -> "Row":
    """Write the page of one query; what the page over all shows of it."""
    from edgepatent.report import build, overview, page
    from edgepatent_runtime import whole

    whole.write(out / f"{name}.html", page.render(build.page_content(result, index)).encode())
    return overview.row(name, f"{name}.html", result)
