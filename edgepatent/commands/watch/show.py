"""``edgepatent watch show``: one watch."""

from pathlib import Path

import click

from edgepatent import console
from edgepatent.options import json_option
from edgepatent.places import watches_option


@click.command()
@click.argument("name", metavar="NAME")
@watches_option
@json_option
def command(name: str, watches: Path, as_json: bool) -> None:
    """Show a watch: what it asks, of what, and how far it has seen."""
    from edgepatent.watch import Seen, Watches

    folder = Watches(watches)
    watch, seen = folder.get(name), folder.seen().get(name, Seen())
    if as_json:
        console.print_json({"watch": watch, "seen": seen})
        return
    from edgepatent.report.asked import in_words

    console.say(f"{watch.name}: {in_words(watch.request)}")
    for query in watch.request.queries:
        console.say(f"  image {query}")
    for index in watch.indexes:
        console.say(f"  of {index}, seen up to generation {seen.generations.get(index, 0)}")
    console.say(f"  threshold {watch.threshold}")
    if watch.matter is not None:
        console.say(f"  kept in {watch.matter}")
    console.say(f"  begun {watch.created}, last ran {seen.ran or 'never'}")
    if seen.shown:
        console.say(f"  shown: {', '.join(seen.shown)}")
