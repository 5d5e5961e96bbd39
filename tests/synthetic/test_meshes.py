"""A folder of meshes as a source of designs."""

import csv
from pathlib import Path

import numpy as np
import pytest

from edgepatent_runtime.errors import SourceError
from edgepatent_runtime.record import Skipped
from edgepatent_runtime.sources import load, open_source
from edgepatent_synthetic import meshes, solids
from edgepatent_synthetic.mesh import join


def write(folder: Path, **rows: dict[str, str]) -> Path:
    """A mesh folder with a table of two boxes in two files, corners stored once a face."""
    folder.mkdir(exist_ok=True)
    with (folder / "metadata.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, ["file_name", "object", "locarno", "scan"])
        table.writeheader()
        for name, row in rows.items():
            table.writerow({"file_name": f"{name}.npz", "object": name, **row})
            pair = join(solids.box(1, 1, 1), solids.box(0.2, 0.2, 0.6).moved(z=1.5))
            corners = pair.vertices[pair.faces].reshape(-1, 3)
            faces = np.arange(len(corners), dtype=np.uint16).reshape(-1, 3)
            np.savez(folder / f"{name}.npz", vertices=corners.astype(np.float16), faces=faces)
    return folder


def test_each_object_becomes_a_family_of_designs(tmp_path: Path) -> None:
    folder = write(
        tmp_path / "a, b", post={"locarno": "25-02"}, box={"locarno": ""}, statue={"scan": "1"}
    )
    found = list(open_source(f"meshes:{folder},designs=6,seed=2,views=3").records(Skipped()))
    assert len(found) == 18
    assert {r.title for r in found} == {"Post", "Box"}
    assert {r.subclass for r in found} == {"25-02", None}
    assert found[0].patent_id == "MESH2-000000"
    drawings = np.stack([load(r.image, 64) for r in found[::3]])
    assert len(np.unique(drawings, axis=0)) == 6


def test_connected_pieces_are_parts_and_smooth_pieces_surfaces(tmp_path: Path) -> None:
    mesh = meshes.load(str(write(tmp_path, pair={}) / "pair.npz"))
    assert len(np.unique(mesh.part)) == 2
    assert len(np.unique(mesh.surface)) == 12
    assert len(mesh.vertices) == 2 * 8
    assert np.ptp(mesh.vertices, axis=0).max() == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ({"vertices": np.zeros((4, 2)), "faces": np.zeros((1, 3), int)}, "vertices"),
        ({"vertices": np.zeros((4, 3)), "faces": np.full((1, 3), 9)}, "vertices"),
        ({"vertices": np.zeros((4, 3)), "faces": np.zeros((1, 3), int)}, "without area"),
        ({"vertices": np.full((4, 3), np.nan), "faces": np.array([[0, 1, 2]])}, "NaN"),
        ({"points": np.zeros((4, 3))}, "no mesh"),
    ],
)
def test_a_broken_mesh_is_one_clear_line(
    tmp_path: Path, arrays: dict[str, np.ndarray], says: str
) -> None:
    path = tmp_path / "bad.npz"
    np.savez(path, **arrays)  # type: ignore[arg-type]
    with pytest.raises(SourceError, match=says):
        meshes.load(str(path))


def test_a_table_without_meshes_is_refused(tmp_path: Path) -> None:
    (tmp_path / "metadata.csv").write_text("file_name,patent_id\nx.png,USD1\n")
    with pytest.raises(SourceError, match="lists no meshes"):
        list(open_source(f"meshes:{tmp_path}").records(Skipped()))


def test_pieces_are_numbered_as_a_search_from_each_node_finds_them() -> None:
    random = np.random.default_rng(0)
    for _ in range(20):
        count = int(random.integers(2, 60))
        pairs = random.integers(0, count, (int(random.integers(0, 60)), 2))
        reach: list[set[int]] = []
        for node in range(count):
            seen, queue = {node}, [node]
            while queue:
                at = queue.pop()
                for a, b in pairs.tolist():
                    for to in ((b,) if a == at else ()) + ((a,) if b == at else ()):
                        if to not in seen:
                            seen.add(to)
                            queue.append(to)
            reach.append(seen)
        piece = meshes._pieces(count, pairs)
        assert all(
            {n for n in range(count) if piece[n] == piece[m]} == reach[m] for m in range(count)
        )


def test_real_meshes_are_drawn(shared: Path) -> None:
    spec = f"meshes:{shared / 'data' / 'meshes'},designs=40,seed=1,views=1,first=700"
    for record in open_source(spec).records(Skipped()):
        drawing = load(record.image, 96)
        assert 0.005 < (drawing < 250).mean() < 0.7, record.title
