"""Everything a device needs to search patent drawings by image, offline.

The public names are imported on first use, so that ``import edgepatent_runtime`` costs nothing
and a search loads only what it needs.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edgepatent_runtime.bundle import Bundle as Bundle
    from edgepatent_runtime.collection import Collection as Collection
    from edgepatent_runtime.drawing import read_drawing as read_drawing
    from edgepatent_runtime.encoder import Encoder as Encoder
    from edgepatent_runtime.index import Index as Index
    from edgepatent_runtime.record import ImageRef as ImageRef
    from edgepatent_runtime.record import Record as Record
    from edgepatent_runtime.search.request import Query as Query
    from edgepatent_runtime.search.request import Request as Request

_HOMES = {
    "Bundle": "edgepatent_runtime.bundle",
    "Collection": "edgepatent_runtime.collection",
    "Encoder": "edgepatent_runtime.encoder",
    "ImageRef": "edgepatent_runtime.record",
    "Index": "edgepatent_runtime.index",
    "Query": "edgepatent_runtime.search.request",
    "Record": "edgepatent_runtime.record",
    "Request": "edgepatent_runtime.search.request",
    "read_drawing": "edgepatent_runtime.drawing",
}

__all__ = [
    "Bundle",
    "Collection",
    "Encoder",
    "ImageRef",
    "Index",
    "Query",
    "Record",
    "Request",
    "read_drawing",
]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
