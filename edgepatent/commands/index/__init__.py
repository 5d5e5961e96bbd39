"""The verbs around an index: what is made searchable, and its care."""

from edgepatent.cli import LazyGroup

VERBS = {
    "add": "Make drawings searchable; what is known and unchanged costs next to nothing.",
    "remove": "Forget drawings of patents, classes or dates.",
    "info": "Tell what an index holds.",
    "verify": "Check every stored byte; repair what can be repaired.",
    "rebuild": "Make an index anew: compacted, encoded with another model, or with figures.",
    "merge": "Copy the drawings of other indexes into one.",
    "split": "Copy an index into several, of different patents: the reverse of merge.",
}

command = LazyGroup(
    package="edgepatent.commands.index",
    verbs=VERBS,
    name="index",
    help="Make drawings searchable: add, remove, info, verify, rebuild, merge, split.",
)
