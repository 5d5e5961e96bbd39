"""Sheets of synthetic figures with captions."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from edgepatent_runtime.drawing import crop
from edgepatent_synthetic import render
from edgepatent_synthetic.draw import Draw
from edgepatent_synthetic.lettering import Lettering, lettered


def figure(design: int, view: int) -> npt.NDArray[np.uint8]:
    """One figure without a caption."""
    page = render(f"synthetic:seed=3,design={design},view={view},captions=0,size=700")
    return crop(page, (0, 0, 900, 900))


def write_sheet(path: Path, design: int, views: tuple[int, ...]) -> None:
    """Figures one above the other, "FIG. n" below each."""
    blocks = []
    for view in views:
        letters = lettered(f"FIG. {view + 1}", Lettering(height=50), Draw(1))
        for block, above in ((figure(design, view), 90), (letters, 60)):
            sides = (100, 1100 - block.shape[1])
            blocks.append(np.pad(block, ((above, 0), sides), constant_values=255))
    blocks.append(np.full((90, 1200), 255, np.uint8))
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.concatenate(blocks)).save(path)


def write_patents(folder: Path, designs: int) -> None:
    """So many patents (P0, P1, …), each with a sheet of two figures and one of one."""
    for design in range(designs):
        write_sheet(folder / f"P{design}" / "sheet-1.png", design, (0, 1))
        write_sheet(folder / f"P{design}" / "sheet-2.png", design, (2,))
