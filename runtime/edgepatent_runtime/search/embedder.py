"""Query images → embeddings, by the model that a store carries."""

import threading
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from edgepatent_runtime.bundle import Bundle
from edgepatent_runtime.errors import InputError
from edgepatent_runtime.search import views
from edgepatent_runtime.search.request import Photo, Query
from edgepatent_runtime.search.results import View
from edgepatent_runtime.search.searchable import Floats
from edgepatent_runtime.search.views import Given

if TYPE_CHECKING:
    from edgepatent_runtime.encoder import Encoder


class Embedder:
    """A bundle whose session is made when the first image comes. Safe to share between threads.

    A search by words or by an indexed patent needs no model: onnxruntime stays out. ``threads`` is
    how many cores one call may use.
    """

    def __init__(self, bundle: Bundle, *, threads: int = 1) -> None:
        self.bundle = bundle
        self.threads = threads
        self._guard = threading.Lock()

    @cached_property
    def _loaded(self) -> "Encoder":
        from edgepatent_runtime.encoder import Encoder

        return Encoder(self.bundle, threads=self.threads)

    def encode(self, drawings: npt.NDArray[np.uint8]) -> Floats:
        """Drawings [N, S, S] uint8 → unit embeddings [N, D]."""
        with self._guard:
            encoder = self._loaded
        return encoder.encode(drawings)

    def read(
        self,
        queries: Sequence[Query],
        given: Mapping[str, Given],
        *,
        anyway: bool = False,
        whole: bool = False,
        photo: Photo = "auto",
    ) -> list[View]:
        """The views of those of the queries that are images: see `sheets.read`."""
        # Only here: a search by words reads no picture.
        from edgepatent_runtime.search import sheets

        images = [query for query in queries if views.embedding(query, given) is None]
        size = self.bundle.info.size
        return [
            view
            for query in images
            for view in sheets.read(query, size, given, anyway=anyway, whole=whole, photo=photo)
        ]

    def embed(
        self, queries: Sequence[Query], seen: Sequence[View], given: Mapping[str, Given]
    ) -> Floats:
        """The embeddings [V, D] of the views ``seen``, then those that queries name ready.

        Raises `InputError` where a ready embedding is not of this model's width.
        """
        vectors = list(self.encode(np.stack([view.drawing for view in seen]))) if seen else []
        ready = (views.embedding(query, given) for query in queries)
        vectors += [one for one in ready if one is not None]
        for vector in vectors:
            if len(vector) != self.bundle.info.dimensions:
                raise InputError(
                    f"expected embeddings [V,{self.bundle.info.dimensions}], got one of "
                    f"{len(vector)} dimensions"
                )
        return np.stack(vectors)
