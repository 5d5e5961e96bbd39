"""Drawings made searchable. See `Collection`."""

from edgepatent_runtime.collection.collection import Collection

__all__ = ["Collection"]
