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
    (1000), ``seed`` (0), ``views`` of each (6), ``figures`` that a sheet holds at most (1),
    ``size`` of a figure in pixels (448), ``first`` (0), the number of the first design, and
    ``captions`` (1): 0 draws neither "FIG. n" nor header. Raises `SourceError` for anything else.
    """

    def __init__(self, spec: str) -> None:
        self.spec = spec
        self.root = spec
        self._folder, settings = split(spec)
        known = {"designs": 1000, "seed": 0, "views": 6, "figures": 1, "size": FIGURE, "first": 0}
        self._settings = numbers(spec, settings, known | {"captions": 1})

    def records(self, skipped: Skipped) -> Iterator[Record]:
        """Every sheet of every design, design by design; nothing is ever skipped.

        Raises `SourceError` where a mesh folder cannot be read.
        """
        seed, first, size, most, count, captions = (
            self._settings[k] for k in ("seed", "first", "size", "figures", "views", "captions")
        )
        catalogue = Catalogue(seed, self._folder)
        prefix = "SYN" if self._folder is None else "MESH"
        for number in range(first, first + self._settings["designs"]):
            family = catalogue.family(number)
            klass, subclass = locarno.labels(family.locarno)
            published = catalogue.date(number)
            each = catalogue.figures_a_sheet(number, most)
            views = catalogue.views(number, -(-count // each) * each)
            for sheet in range(0, len(views), each):
                name = Reference(seed, number, sheet // each, size, most, self._folder, captions)
                figures = range(sheet + 1, sheet + each + 1)
                yield Record(
                    image=ImageRef(str(name)),
                    patent_id=f"{prefix}{seed}-{number:06d}",
                    locarno=family.locarno,
                    klass=klass,
                    subclass=subclass,
                    figure=", ".join(map(str, figures)),
                    view=", ".join(view.name for view in views[sheet : sheet + each]),
                    title=family.name,
                    date=published,
                )


def open_source(spec: str) -> SyntheticSource:
    """The source of ``spec``. Raises `SourceError` for one that cannot be read."""
    return SyntheticSource(spec)


def read_page(reference: str) -> npt.NDArray[np.uint8]:
    """The page [H, W] that ``reference`` names. Raises `SourceError` where it names none."""
    return render(reference)
