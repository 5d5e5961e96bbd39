"""The verbs around matters: what was asked, found, rated and noted in one case."""

from edgepatent.cli import LazyGroup

VERBS = {
    "list": "List the matters.",
    "show": "Show what a matter holds: searches, ratings, notes.",
    "rate": "Rate designs, note something, or put them on the shortlist.",
    "report": "Write the report for the file: one page to look at and to print.",
    "export": "Write the designs of a matter for other programs.",
}

command = LazyGroup(
    package="edgepatent.commands.matter",
    verbs=VERBS,
    name="matter",
    help="What was kept of a case (search --matter): list, show, rate, report, export.",
)
