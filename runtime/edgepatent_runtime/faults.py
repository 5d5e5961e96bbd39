"""Named points at which a test stops the program: after each write, sync, rename and commit.

Nothing happens at them unless a test sets `hook`. A crash, a full disk, a pulled plug come at one
of these instants, so that each can be tried instead of waited for.
"""

from collections.abc import Callable

POINTS = (
    "model.written", "model.synced",
    "vectors.created", "vectors.written", "vectors.synced",
    "signs.written", "signs.synced",
    "graph.written", "graph.synced",
    "thumbnails.written",
    "encoded.written", "figures.stored",
    "catalog.changed", "catalog.committed", "catalog.checkpointed", "catalog.made", "catalog.named",
    "seal.lifted", "seal.released", "seal.put",
    "old.removed", "update.copied", "update.kept", "update.done",
    "whole.written", "whole.synced", "whole.renamed",
)  # fmt: skip
"""Every point there is; a test holds the code to the list."""

hook: Callable[[str], None] | None = None


def point(name: str) -> None:
    """An instant of `POINTS`. What the hook raises is raised here."""
    if hook is not None:
        hook(name)
