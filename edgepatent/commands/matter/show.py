"""``edgepatent matter show``: what a matter holds."""

from pathlib import Path

import click

from edgepatent import console
from edgepatent.options import json_option
from edgepatent.places import matter_argument


@click.command()
@matter_argument
@json_option
def command(matter: Path, as_json: bool) -> None:
    """Show what a matter holds: searches, ratings, notes."""
    from edgepatent.matter import Matter
    from edgepatent.report import filing
    from edgepatent.report.asked import in_words
    from edgepatent.report.matter import ordered

    case = Matter(matter)
    searches = {name: case.search(name) for name in case.searches()}
    classified = case.classified()
    if as_json:
        console.print_json({
            "title": case.info.title,
            "created": case.info.created,
            "searches": {name: filing.plain(one) for name, one in searches.items()},
            "classifications": classified,
            "decisions": list(case.decisions().values()),
        })  # fmt: skip
        return
    console.say(f"{case.info.title}, begun {case.info.created[:10]}, in {case.folder}")
    if searches:
        rows = [
            [name, in_words(one.request), str(len(one.hits)), one.hits[0].patent_id]
            if one.hits
            else [name, in_words(one.request), "0", ""]
            for name, one in searches.items()
        ]
        console.print_table(["search", "asked", "hits", "best"], rows)
    if classified:
        rows = []
        for one in classified:
            best = [f"{s.locarno} {s.name or ''}" for s in one.document.suggestions[:1]]
            rows.append([one.created[:16], ", ".join(one.queries), *best])
        console.print_table(["classified", "images", "as"], rows)
    decisions = ordered(case)
    if decisions:
        rows = [[one.patent_id, one.in_words, one.note] for one in decisions]
        console.print_table(["design", "rated", "note"], rows)
