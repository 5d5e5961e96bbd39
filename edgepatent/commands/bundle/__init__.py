"""The verbs around who made a bundle."""

from edgepatent.cli import LazyGroup

VERBS = {
    "key": "Make a pair of keys to sign bundles with.",
    "sign": "Sign a bundle.",
    "verify": "Check that a bundle was signed by a key and has not changed since.",
}

command = LazyGroup(
    package="edgepatent.commands.bundle",
    verbs=VERBS,
    name="bundle",
    help="Sign bundles and verify their signatures: key, sign, verify.",
)
