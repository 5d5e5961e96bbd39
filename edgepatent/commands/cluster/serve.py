"""``edgepatent cluster serve``: a sharded index for who asks over the network."""

from pathlib import Path

import click

from edgepatent import console
from edgepatent.options import address_option


def _cache() -> Path:
    import platformdirs

    return Path(platformdirs.user_cache_dir("edgepatent", appauthor=False)) / "shards"


@click.command()
@click.option(
    "--index",
    "uri",
    required=True,
    metavar="DIR|URI",
    help="Where the shards lie: a folder that all machines see, or what fsspec knows (s3://…).",
)
@click.option(
    "--name", default="index", show_default=True, metavar="NAME", help="What it is asked by."
)
@click.option(
    "--replicas",
    type=click.IntRange(1, 100),
    default=1,
    show_default=True,
    metavar="N",
    help="How many processes hold each shard: with two, one may die unnoticed.",
)
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=8000,
    show_default=True,
    metavar="N",
    help="Where it listens. A cluster serves all indexes at one port.",
)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    metavar="ADDRESS",
    help="Another address lets everybody ask who reaches it.",
)
@click.option(
    "--cache",
    type=click.Path(path_type=Path, file_okay=False),
    default=_cache,
    show_default="the user's cache folder",
    metavar="DIR",
    help="Where machines keep copies of shards that do not lie in a folder.",
)
@address_option
def command(
    uri: str, name: str, replicas: int, port: int, host: str, cache: Path, address: str | None
) -> None:
    """Serve a sharded index, from this machine or from many.

    Every shard is held by processes of its own, and all are asked at once: edgepatent search
    --index ray://HOST:PORT/NAME, or POST an image to http://HOST:PORT/NAME/search, which answers
    with the JSON of the page's search and takes its parameters. Ctrl-C ends it.
    """
    import signal
    import threading
    from ipaddress import ip_address

    from edgepatent.web.presenting import present
    from edgepatent_cluster import serving

    with serving.served(
        uri,
        name,
        present,
        replicas=replicas,
        host=host,
        port=port,
        cache=cache,
        address=address,
    ) as shown:
        console.say(shown)
        if host != "localhost" and not ip_address(host).is_loopback:
            console.say(
                "warning: other machines can ask this index, without a password, and nothing is "
                "encrypted on the way. Use a network you trust.",
                err=True,
            )
        ended = threading.Event()
        for one in (signal.SIGINT, signal.SIGTERM):
            signal.signal(one, lambda *_: ended.set())
        ended.wait()
