"""Drawings and embeddings for tests of collections."""

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from edgepatent_runtime.record import Bibliography, ImageRef, Record, Related

Floats = npt.NDArray[np.float32]


def draw(path: Path, seed: int) -> None:
    """A line drawing of a few rectangles and ellipses, different for each seed."""
    rng = np.random.default_rng(seed)
    page = np.full((120, 120), 255, np.uint8)
    for _ in range(4):
        x, y, w, h = (int(value) for value in rng.integers(10, 60, 4))
        cv2.rectangle(page, (x, y), (x + w, y + h), 0, 2)
        cv2.ellipse(page, (y + 20, x + 20), (w // 2, h // 2), 0, 0, 360, 0, 2)
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), page)


def draw_patents(folder: Path, patents: int, views: int = 3) -> list[Path]:
    """``patents`` folders P0000… with ``views`` drawings each."""
    paths = []
    for patent in range(patents):
        for view in range(views):
            path = folder / f"P{patent:04d}" / f"view{view}.png"
            draw(path, patent * 100 + view)
            paths.append(path)
    return paths


def unit(vectors: npt.NDArray[np.float64]) -> Floats:
    """Vectors at length 1, float32."""
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


def views_of_designs(designs: int, views: int, dimensions: int, seed: int = 0) -> Floats:
    """Unit vectors [designs · views, D] that lie near each other where the design is the same.

    Variance falls along the dimensions, as it does in embeddings whose order export has set.
    """
    rng = np.random.default_rng(seed)
    spread = np.arange(1, dimensions + 1) ** -0.5
    centres = rng.standard_normal((designs, 1, dimensions))
    noise = 0.6 * rng.standard_normal((designs, views, dimensions))
    return unit(((centres + noise) * spread).reshape(-1, dimensions))


OWNERS = ("Acme, Inc.", "ACME Söhne GmbH", "Acmeon Ltd.", "Ada Lovelace")


def bibliography_of(design: int) -> Bibliography:
    """Four owners in three countries, two US classes; every fourth builds upon the one before."""
    owner = (OWNERS[design % 4],)
    number = f"US29{design:06d}"
    return Bibliography(
        assignees=owner if design % 4 < 3 else (),
        inventors=owner if design % 4 == 3 else (f"Person {design}",),
        country=("DE", "US", None)[design % 3],
        uspc=(f"D6-{300 + design % 7}", "D14-1") if design % 2 else ("D6-334.1",),
        application=number,
        filed=f"{1999 + design % 20}-01-02",
        related=(Related("division", f"US29{design - 1:06d}"),) if design % 4 == 1 else (),
    )


def records_of_designs(designs: int, views: int) -> list[Record]:
    """A record for each of `views_of_designs`, of five Locarno subclasses and twenty years."""
    return [
        Record(
            ImageRef(f"d{design}/v{view}.png"),
            f"D{design:06d}",
            locarno=f"0{design % 5 + 1}-01",
            klass=f"0{design % 5 + 1}",
            subclass=f"0{design % 5 + 1}-01",
            figure=str(view + 1),
            title=f"Chair number {design}",
            date=f"{2000 + design % 20}-06-01",
            bibliography=bibliography_of(design),
        )
        for design in range(designs)
        for view in range(views)
    ]
