"""A cluster of two nodes, and an index to part into shards, for all tests that need them."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from ray_cluster import two_nodes
from ray_faults import Faults
from verbs import draw_described

from edgepatent_runtime import Index
from edgepatent_runtime.bundle import Bundle


@pytest.fixture(scope="session")
def ray_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Faults]]:
    """The address of a cluster, and what happens to its workers."""
    faults = Faults(tmp_path_factory.mktemp("ray") / "faults")
    # Short: sockets lie in it.
    folder = Path(tempfile.mkdtemp(prefix="ep-", dir="/tmp"))
    with two_nodes(folder, faults.environment) as address:
        yield address, faults
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def drawings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 patents of three drawings each, with classes, titles and dates."""
    folder = tmp_path_factory.mktemp("drawings")
    draw_described(folder, 24)
    return folder


@pytest.fixture(scope="module")
def whole(drawings: Path, tiny_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index in one folder."""
    folder = tmp_path_factory.mktemp("whole") / "index"
    with Index.create(folder, tiny_bundle) as index:
        index.add(drawings, threads=1)
    return folder
