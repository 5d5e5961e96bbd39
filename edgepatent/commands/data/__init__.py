"""The verbs around data: what is there, unpacking it, making it."""

from edgepatent.cli import LazyGroup

VERBS = {
    "scan": "Tell what sources hold: drawings, patents, classes, and what cannot be used.",
    "figures": "Take sheets apart: each figure into a PNG file, captions read.",
    "synthesize": "Draw synthetic designs into a folder.",
    "deeppatent2": "Join and unpack the parts of the DeepPatent2 dataset.",
    "locarno": "Explain a Locarno code, or list them all.",
}

command = LazyGroup(
    package="edgepatent.commands.data",
    verbs=VERBS,
    name="data",
    help="Look at, unpack or make drawings: scan, figures, synthesize, deeppatent2, locarno.",
)
