"""How long work tells that it moves, without knowing who listens."""

from typing import Protocol


class Progress(Protocol):
    """Called every now and then by long work; must return quickly.

    ``task`` names the work ("encoding drawings"), ``done`` and ``total`` count its units;
    ``total`` is None while it is not known. The command line draws a bar with rate and time left.
    """

    def __call__(self, task: str, done: int, total: int | None) -> None:
        """Take note."""


def silent(task: str, done: int, total: int | None) -> None:
    """Tell nobody."""
