"""The command line of edgepatent: find patent drawings by image, offline."""

__version__ = "0.1.0"
