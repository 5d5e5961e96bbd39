"""Synthetic design patents: parametric solids drawn as patents draw them."""

from edgepatent_synthetic.page import render

__all__ = ["render"]
