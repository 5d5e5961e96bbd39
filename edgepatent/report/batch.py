"""``search --batch``: every image of a folder, one result each."""

from pathlib import Path

import click
import msgspec

from edgepatent import console
from edgepatent.report.document import document
from edgepatent.searching import Query, Request, Searcher
from edgepatent_runtime import whole
from edgepatent_runtime.errors import DrawingError, InputError
from edgepatent_runtime.record import Skipped


def search_folder(searcher: Searcher, request: Request, folder: Path, out: Path) -> None:
    """Search with every image of ``folder``; one JSON file each in ``out``, a table on stdout.

    What is no drawing is skipped and counted. Raises `InputError` where nothing is left.
    """
    files = sorted(p for p in folder.iterdir() if p.is_file() and not p.name.startswith("."))
    out.mkdir(parents=True, exist_ok=True)
    skipped = Skipped()
    rows = []
    with console.progress_bar() as progress:
        for number, file in enumerate(files, start=1):
            one = msgspec.structs.replace(request, queries=(Query(str(file)),))
            try:
                result = searcher.run(one)
            except DrawingError as error:
                skipped.add(error.reason, file)
                continue
            text = msgspec.json.encode(document(result, searcher))
            whole.write(out / f"{file.name}.json", msgspec.json.format(text, indent=2) + b"\n")
            row = [file.name, "", "", ""]
            for hit in result.answer.hits[:1]:
                row[1:] = [hit.patent_id, f"{hit.score:.3f}", hit.title or ""]
            rows.append(row)
            progress("searching", number, len(files))
    console.report_skipped(skipped)
    if not rows:
        raise InputError(f"no image in {folder} can be searched with")
    console.print_table(["query", "best hit", "score", "title"], rows)
    click.echo(f"{len(rows)} results in {out}", err=True)
