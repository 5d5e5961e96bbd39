"""Drawings small and few enough to be trained on in seconds."""

from pathlib import Path

import cv2
import numpy as np


def write_designs(
    folder: Path, *, classes: int = 2, subclasses: int = 2, patents: int = 3, views: int = 3
) -> Path:
    """A folder source of little drawings: polygons whose corners tell subclass and patent."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["file_name,patent_id,class,subclass"]
    rng = np.random.default_rng(0)
    for k in range(classes):
        for s in range(subclasses):
            corners = 3 + k * subclasses + s
            for p in range(patents):
                radius = rng.uniform(20, 40, corners)
                patent = f"P{k}{s}{p}"
                for v in range(views):
                    angle = 2 * np.pi * (np.arange(corners) / corners + v / 37)
                    points = 48 + radius[:, None] * np.stack((np.cos(angle), np.sin(angle)), 1)
                    page = np.full((96, 96), 255, np.uint8)
                    cv2.polylines(page, [points.astype(np.int32)], True, (0,), 2)
                    cv2.imwrite(str(folder / f"{patent}-{v}.png"), page)
                    lines.append(f"{patent}-{v}.png,{patent},{k:02d},{k:02d}-{s:02d}")
    (folder / "metadata.csv").write_text("\n".join(lines) + "\n")
    return folder
