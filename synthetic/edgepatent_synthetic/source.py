"""Synthetic designs as a source: "synthetic:designs=50000,seed=7", "meshes:DIR,designs=…".

This module is the plug-in that the runtime finds (`edgepatent_runtime.sources.source.Plugin`).
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from edgepatent_runtime import locarno
from edgepatent_runtime.record import ImageRef, Record, Skipped
from edgepatent_synthetic.design import Catalogue
from edgepatent_synthetic.figure import FIGURE
from edgepatent_synthetic.page import render
from edgepatent_synthetic.reference import Reference, numbers, split


class SyntheticSource:
    """Designs that are drawn when their pixels are asked for; nothing is written.

    ``spec`` is "synthetic:" or "meshes:DIR," followed by settings, each optional: ``designs``
    (1000), ``seed`` (0), ``views`` of each (6), ``photographs`` of each beside them (0),
    ``figures`` that a sheet holds at most (1), ``size`` of a figure in pixels (448), ``first``
    (0), the number of the first design, and ``captions`` (1): 0 draws neither "FIG. n" nor header.
    Raises `SourceError` for anything else.
    """

    def __init__(self, spec: str) -> None:
        self.spec = spec
        self.root = spec
        self._folder, settings = split(spec)
        known = {"designs": 1000, "seed": 0, "views": 6, "figures": 1, "size": FIGURE, "first": 0}
        self._settings = numbers(spec, settings, known | {"captions": 1, "photographs": 0})

    def records(self, skipped: Skipped) -> Iterator[Record]:
        """Every sheet and photograph of every design, design by design; nothing is ever skipped.

        Raises `SourceError` where a mesh folder cannot be read.
        """
        seed, first, size, most, count, captions, photographs = (
            self._settings[k]
            for k in ("seed", "first", "size", "figures", "views", "captions", "photographs")
        )
        catalogue = Catalogue(seed, self._folder)
        for number in range(first, first + self._settings["designs"]):
            each = catalogue.figures_a_sheet(number, most)
            views = catalogue.views(number, -(-count // each) * each)
            for sheet in range(0, len(views), each):
                name = Reference(seed, number, sheet // each, size, most, self._folder, captions)
                figures = ", ".join(map(str, range(sheet + 1, sheet + each + 1)))
                shown = ", ".join(view.name for view in views[sheet : sheet + each])
                yield self._record(catalogue, name, figures, shown)
            for taken in range(1, photographs + 1):
                name = Reference(seed, number, 0, size, folder=self._folder, photograph=taken)
                yield self._record(catalogue, name, None, f"photograph {taken}")

    def _record(
        self, catalogue: Catalogue, name: Reference, figure: str | None, view: str
    ) -> Record:
        family = catalogue.family(name.design)
        klass, subclass = locarno.labels(family.locarno)
        prefix = "SYN" if self._folder is None else "MESH"
        return Record(
            image=ImageRef(str(name)),
            patent_id=f"{prefix}{name.seed}-{name.design:06d}",
            locarno=family.locarno,
            klass=klass,
            subclass=subclass,
            figure=figure,
            view=view,
            title=family.name,
            date=catalogue.date(name.design),
        )


def open_source(spec: str) -> SyntheticSource:
    """The source of ``spec``. Raises `SourceError` for one that cannot be read."""
    return SyntheticSource(spec)


def read_page(reference: str) -> npt.NDArray[np.uint8]:
    """The page [H, W] that ``reference`` names. Raises `SourceError` where it names none."""
    return render(reference)
