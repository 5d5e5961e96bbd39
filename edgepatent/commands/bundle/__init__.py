"""The verbs around bundles: who made them, and what words they know."""

from edgepatent.cli import LazyGroup

VERBS = {
    "key": "Make a pair of keys to sign bundles with.",
    "sign": "Sign a bundle.",
    "verify": "Check that a bundle was signed by a key and has not changed since.",
    "words": "Teach a bundle what words look like.",
}

command = LazyGroup(
    package="edgepatent.commands.bundle",
    verbs=VERBS,
    name="bundle",
    help="Sign bundles, verify their signatures, teach them words: key, sign, verify, words.",
)
