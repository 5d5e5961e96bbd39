"""The verbs that bring an index up to date by what differs."""

from edgepatent.cli import LazyGroup

VERBS = {
    "pack": "Write what differs between two indexes into a folder to carry.",
    "apply": "Bring an index up to date with a pack.",
    "rollback": "Bring an index back to what it was before its last update.",
}

command = LazyGroup(
    package="edgepatent.commands.update",
    verbs=VERBS,
    name="update",
    help="Bring indexes up to date by what differs: pack, apply, rollback.",
)
