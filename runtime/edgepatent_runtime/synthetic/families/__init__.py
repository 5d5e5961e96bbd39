"""The kinds of things that synthetic patents show; see docs/synthetic.md for how to add one."""

from edgepatent_runtime.synthetic.families import (
    bottles,
    brushes,
    clocks,
    clothing,
    electronics,
    hardware,
    household,
    lights,
    luggage,
    optics,
    packaging,
    play,
    plumbing,
    seats,
    tables,
    tableware,
    tools,
    vehicles,
    vessels,
)
from edgepatent_runtime.synthetic.families.family import Family

_GROUPS = (
    seats,
    vessels,
    bottles,
    tools,
    tables,
    clothing,
    luggage,
    brushes,
    electronics,
    lights,
    tableware,
    hardware,
    packaging,
    clocks,
    vehicles,
    optics,
    play,
    plumbing,
    household,
)

# A design's number tells its family: one that is inserted or appended changes what numbers mean.
FAMILIES: tuple[Family, ...] = tuple(family for group in _GROUPS for family in group.FAMILIES)
