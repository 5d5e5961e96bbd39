"""``edgepatent watch add``: a search that goes on."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgepatent import console
from edgepatent.asking import from_stdin, question_options
from edgepatent.places import indexes_option, matter_option, watches_option

if TYPE_CHECKING:
    from edgepatent.watch import Threshold
    from edgepatent_runtime.search.request import Request


@click.command()
@click.argument("name", metavar="NAME")
@indexes_option
@question_options
@click.option(
    "--threshold",
    type=click.Choice(["same", "similar", "any"]),
    default="similar",
    show_default=True,
    help="Show all new designs that are the same or at least similar; any shows the --top best, as "
    "does an index that cannot tell.",
)
@matter_option
@watches_option
def command(
    request: "Request",
    name: str,
    indexes: tuple[Path | str, ...],
    threshold: "Threshold",
    matter: Path | None,
    watches: Path,
) -> None:
    """Keep a search and ask it from now on of what is new.

    The request is asked once, now, to see that it can be; what is indexed already counts as seen
    (edgepatent watch run --since looks at it all the same). Query images are copied.
    """
    import msgspec

    from edgepatent import kept
    from edgepatent.matter import Matter
    from edgepatent.watch import Watch, Watches
    from edgepatent_runtime.index import Index
    from edgepatent_runtime.stores import absolute

    given = from_stdin(request)
    generations = {}
    with Index.open(indexes) as index:
        for store in index.stores:
            with store.moment() as moment:
                generations[absolute(store.name)] = moment.mark
        index.search(msgspec.structs.replace(request, top=1), given=given)
    if matter is not None:
        Matter.create(matter)
    kept_watches = Watches(watches)
    watch = Watch(
        name=name,
        created=kept.now(),
        request=kept_watches.keep_queries(request, given),
        indexes=tuple(generations),
        threshold=threshold,
        matter=None if matter is None else str(matter.absolute()),
    )
    kept_watches.add(watch, generations)
    console.say(f"watching {name}: edgepatent watch run tells what is new")
