"""``edgepatent index info``: what an index holds."""

from pathlib import Path

import click

from edgepatent import console
from edgepatent.options import json_option
from edgepatent.places import index_option


@click.command()
@index_option
@json_option
def command(index: Path | str, as_json: bool) -> None:
    """Tell what an index holds.

    "bytes" counts the whole folder, the model included; "generation" grows with every change;
    "graph" is fresh, stale (found by scan instead, until the next add) or none (not needed up to
    20,000 drawings); "dead" rows are given back by index rebuild.
    """
    from edgepatent_runtime.index import Index

    with Index.open(index) as opened:
        info, name = opened.info(), opened.name
    if as_json:
        console.print_json(info)
        return
    console.say(f"{info.drawings} drawings of {info.patents} patents in {name}")
    console.say(f"model {info.model} (space {info.space[:12]}), {info.dimensions} dimensions")
    console.say(
        f"{info.bytes / 1e6:.1f} MB, generation {info.generation}, graph {info.graph}, "
        f"{info.dead} removed rows"
    )
    for name, path in sorted(info.roots.items()):
        console.say(f"{name}: {path}")
