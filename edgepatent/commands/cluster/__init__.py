"""The verbs for many machines at once, by Ray."""

from edgepatent.cli import LazyGroup

VERBS = {
    "embed": "Make the shards of an index on many cores or machines.",
    "serve": "Serve a sharded index, from this machine or from many.",
}

command = LazyGroup(
    package="edgepatent.commands.cluster",
    verbs=VERBS,
    name="cluster",
    help="Many machines at once, by Ray: embed, serve.",
)
