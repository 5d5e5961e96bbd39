"""The kinds of things that synthetic patents show; see docs/synthetic.md for how to add one."""

from edgepatent_runtime.synthetic.families import bottles, seats, tables, tools, vessels
from edgepatent_runtime.synthetic.families.family import Family

# The order numbers them: append, so that a design keeps its family.
FAMILIES: tuple[Family, ...] = (
    *seats.FAMILIES,
    *vessels.FAMILIES,
    *bottles.FAMILIES,
    *tools.FAMILIES,
    *tables.FAMILIES,
)
