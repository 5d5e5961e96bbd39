"""Synthetic designs as a source: "synthetic:designs=50000,seed=7", "meshes:DIR,designs=…"."""

from collections.abc import Iterator

from edgepatent_runtime.record import ImageRef, Record, Skipped
from edgepatent_runtime.synthetic.design import Catalogue
from edgepatent_runtime.synthetic.figure import FIGURE
from edgepatent_runtime.synthetic.reference import Reference, numbers, split


class SyntheticSource:
    """Designs that are drawn when their pixels are asked for; nothing is written.

    ``spec`` is "synthetic:" or "meshes:DIR," followed by settings, each optional: ``designs``
    (1000), ``seed`` (0), ``views`` of each (6), ``size`` of a figure in pixels (448), ``first``
    (0), the number of the first design. Raises `SourceError` for anything else.
    """

    def __init__(self, spec: str) -> None:
        self.spec = spec
        self.root = spec
        self._folder, settings = split(spec)
        known = {"designs": 1000, "seed": 0, "views": 6, "size": FIGURE, "first": 0}
        self._settings = numbers(spec, settings, known)

    def records(self, skipped: Skipped) -> Iterator[Record]:
        """Every view of every design, design by design; nothing is ever skipped.

        Raises `SourceError` where a mesh folder cannot be read.
        """
        seed, first, size = (self._settings[k] for k in ("seed", "first", "size"))
        catalogue = Catalogue(seed, self._folder)
        prefix = "SYN" if self._folder is None else "MESH"
        for number in range(first, first + self._settings["designs"]):
            family = catalogue.family(number)
            published = catalogue.date(number)
            for index, view in enumerate(catalogue.views(number, self._settings["views"])):
                yield Record(
                    image=ImageRef(str(Reference(seed, number, index, size, self._folder))),
                    patent_id=f"{prefix}{seed}-{number:06d}",
                    locarno=family.locarno,
                    klass=family.locarno and family.locarno[:2],
                    subclass=family.locarno,
                    figure=str(index + 1),
                    view=view.name,
                    title=family.name,
                    date=published,
                )
