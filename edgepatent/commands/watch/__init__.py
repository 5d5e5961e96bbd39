"""The verbs around watches: requests that are asked of what is new."""

from edgepatent.cli import LazyGroup

VERBS = {
    "add": "Keep a search and ask it from now on of what is new.",
    "list": "List the watches.",
    "show": "Show a watch: what it asks, of what, and how far it has seen.",
    "remove": "Forget watches.",
    "run": "Ask the watches of what came since they last ran.",
}

command = LazyGroup(
    package="edgepatent.commands.watch",
    verbs=VERBS,
    name="watch",
    help="Ask saved searches of what is new: add, list, show, remove, run.",
)
