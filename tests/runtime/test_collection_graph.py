"""The graph over the leading dimensions."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from stored import unit, views_of_designs

from edgepatent_runtime.collection import graph

pytest.importorskip("hnswlib", reason="hnswlib is not installed")


def test_a_collection_needs_no_hnswlib() -> None:
    code = (
        "import sys; sys.modules['hnswlib'] = None\n"
        "from edgepatent_runtime.collection import Collection, graph\n"
        "assert not graph.available()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_leading_dimensions_are_renormalised_in_a_copy() -> None:
    for rows in (1, 5):
        given = views_of_designs(rows, 1, 256)
        before = given.copy()
        part = graph.leading(given, 64)
        assert part.shape == (rows, 64)
        assert np.linalg.norm(part, axis=1) == pytest.approx(1)
        assert np.allclose(part, before[:, :64] / np.linalg.norm(before[:, :64], axis=1)[:, None])
        assert np.array_equal(given, before)
    assert not graph.leading(np.zeros((1, 256), np.float32), 64).any()


def test_a_graph_grows_is_saved_and_finds_the_same(tmp_path: Path) -> None:
    stored = views_of_designs(300, 3, 128)
    grown = graph.Graph.empty(64, 10)
    grown.add(stored[:400], 400, threads=1)
    grown.add(stored[400:], 900, threads=1)
    digest = grown.save(tmp_path / "graph")
    loaded = graph.Graph.load(tmp_path / "graph", 64, 900, digest)
    assert loaded is not None
    lead = graph.leading(stored, 64)
    for query in views_of_designs(10, 1, 128, seed=4):
        found = loaded.nearest(query, 20)
        assert found.tolist() == grown.nearest(query, 20).tolist()
        exact = np.argsort(-(lead @ graph.leading(query[None], 64)[0]))[:20]
        assert len(set(found.tolist()) & set(exact.tolist())) >= 18
    assert len(loaded.nearest(stored[0], 5000)) == 900
    assert graph.Graph.load(tmp_path / "graph", 64, 900, "0" * 64) is None
    assert graph.Graph.load(tmp_path / "other", 64, 900, digest) is None


def test_a_graph_that_was_not_written_wholly_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = graph.Graph.empty(64, 50)
    made.add(views_of_designs(50, 1, 64), 50, threads=1)
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full here")
    (tmp_path / "graph").symlink_to(full)
    with pytest.raises(OSError, match="written wholly"):
        made.save(tmp_path / "graph")


def test_as_many_leading_dimensions_as_are_needed() -> None:
    assert graph.choose_leading(views_of_designs(400, 3, 256), 200) == 64
    # White noise has no leading dimensions: nearly all are needed.
    noise = unit(np.random.default_rng(0).standard_normal((1200, 256)))
    assert graph.choose_leading(noise, 200) >= 192
    assert graph.choose_leading(views_of_designs(400, 3, 48), 200) == 48


def test_what_leading_dimensions_hold_is_counted_as_by_hand() -> None:
    sample = views_of_designs(200, 2, 128)
    part = graph.leading(sample, 64)
    counted = []
    for number in range(len(sample)):
        others = np.delete(np.arange(len(sample)), number)
        best = others[np.argsort(-(sample[others] @ sample[number]))[:10]]
        some = others[np.argsort(-(part[others] @ part[number]))[:30]]
        counted.append(np.isin(best, some).mean())
    assert graph.held(sample, 64, 30) == pytest.approx(np.mean(counted), abs=0.002)
