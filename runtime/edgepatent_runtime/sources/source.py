"""What a source of drawings is, and what a package offers that brings one of its own."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

from edgepatent_runtime.record import Record, Skipped

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class Source(Protocol):
    """Drawings of one origin.

    ``spec`` is what the user named; ``root`` is the folder that the paths of its records lie in
    (or the spec itself, for drawings that are generated).
    """

    spec: str
    root: str

    def records(self, skipped: Skipped) -> Iterator[Record]:
        """Stream the records, in an order that is always the same.

        What cannot be used is counted in ``skipped``. Raises `SourceError` where the source as a
        whole cannot be read.
        """
        ...


class Plugin(Protocol):
    """What an entry point of the group "edgepatent.sources" names: a module, or any object.

    An entry point called ``name`` answers for every spec "name:…". The records of its sources
    either lie in files, as those of any source, or their ``image.path`` is "name:…" too, a
    reference from which alone the page can be drawn again, in any process and at any time.
    """

    def open_source(self, spec: str) -> Source:
        """The source that ``spec`` ("name:…", whole) names. Raises `SourceError` for nonsense."""
        ...

    def read_page(self, reference: str) -> "npt.NDArray[np.uint8]":
        """The page that ``reference`` ("name:…", whole) names: uint8 [H, W], ink 0, paper 255.

        The same reference gives the same page for ever: indexes hold on to it. Raises
        `SourceError` or `DrawingError` where there is none.
        """
        ...
