"""``compare --html``: several models side by side on one self-contained page."""

from dataclasses import dataclass
from pathlib import Path

from edgepatent.comparison import Comparison, Difference
from edgepatent_runtime import metrics, whole
from edgepatent_runtime.templates import template

WIDTH = 240
"""Of a bar of 1, in the units of the page's drawings."""


@dataclass(frozen=True)
class Row:
    """A model at one level. Bars are in units of the drawing; ``differences`` by measure."""

    name: str
    level: metrics.Level
    bar: float
    low: float
    high: float
    differences: dict[str, Difference]


def write_page(found: Comparison, path: Path) -> None:
    """Write the page, wholly or not at all. Raises `OSError`."""
    levels = {
        level: [
            Row(
                model.name,
                scores,
                WIDTH * scores.map,
                WIDTH * scores.map_interval[0],
                WIDTH * scores.map_interval[1],
                model.against_first.get(level, {}),
            )
            for model in found.models
            if (scores := model.scores.levels[level]).queries
        ]
        for level in metrics.LEVELS
    }
    page = template("edgepatent.report", "compared.html.j2")
    rows = {level: each for level, each in levels.items() if each}
    whole.write(path, page.render(found=found, levels=rows, width=WIDTH).encode())
