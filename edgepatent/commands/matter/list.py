"""``edgepatent matter list``: all matters."""

from pathlib import Path

import click

from edgepatent import console
from edgepatent.options import json_option
from edgepatent.places import matters_option


@click.command()
@matters_option
@json_option
def command(matters: Path, as_json: bool) -> None:
    """List the matters."""
    from edgepatent import matter
    from edgepatent.report.matter import summary

    found = [summary(matter.Matter(matters / name)) for name in matter.all_below(matters)]
    if as_json:
        console.print_json(found)
        return
    if not found:
        console.say(f"no matters in {matters}: edgepatent search IMG --matter NAME", err=True)
        return
    console.print_table(
        ["matter", "begun", "searches", "rated"],
        [[one.title, one.created[:10], str(one.searches), str(one.decisions)] for one in found],
    )
