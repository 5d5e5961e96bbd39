"""``edgepatent serve``: the page."""

import os
from pathlib import Path

import click

from edgepatent import console
from edgepatent.places import indexes_option, matters_option


@click.command()
@indexes_option
@click.option("--port", default=8765, show_default=True, metavar="N", help="0 takes any free one.")
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    metavar="ADDRESS",
    help="Another address makes the page reachable over the network, for who has the token.",
)
@click.option("--open", "browser", is_flag=True, help="Open the page in a browser.")
@matters_option
@click.option(
    "--threads",
    default=0,
    show_default="all",
    metavar="N",
    help="Cores that the model may use for one query.",
)
def command(
    indexes: tuple[Path | str, ...],
    port: int,
    host: str,
    browser: bool,
    matters: Path,
    threads: int,
) -> None:
    """Serve the page: search, compare, rate and keep, in a browser on this machine.

    Only this machine can reach it, and only with the token in the address that is printed. An
    index that is not there yet is made. Ctrl-C ends it.
    """
    from edgepatent.web.app import create_app
    from edgepatent.web.desk import Desk
    from edgepatent.web.security import Door
    from edgepatent.web.server import listen, serve
    from edgepatent_runtime.index import Index
    from edgepatent_runtime.stores import exists

    for index in indexes:
        if not exists(index):
            with Index.create(index) as made:
                console.say(f"made an empty index in {made.name}", err=True)
    listener = listen(host, port)
    door = Door(host, listener.getsockname()[1])
    desk = Desk(indexes, matters, threads=threads or os.cpu_count() or 1)
    try:
        console.say(door.address)
        if not door.loopback:
            console.say(
                "warning: other machines can reach this page. Who has this address sees all "
                "indexes and matters; nothing is encrypted on the way. Use a network you trust.",
                err=True,
            )
        if browser:
            import webbrowser

            webbrowser.open(door.address)
        serve(create_app(desk, door), door, listener)
    finally:
        desk.close()
