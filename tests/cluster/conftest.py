"""A cluster of two nodes for all tests that need one."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from ray_cluster import two_nodes
from ray_faults import Faults


@pytest.fixture(scope="session")
def ray_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Faults]]:
    """The address of a cluster, and what happens to its workers."""
    faults = Faults(tmp_path_factory.mktemp("ray") / "faults")
    # Short: sockets lie in it.
    folder = Path(tempfile.mkdtemp(prefix="ep-", dir="/tmp"))
    with two_nodes(folder, faults.environment) as address:
        yield address, faults
    shutil.rmtree(folder, ignore_errors=True)
