"""What all tests share: where real data lie, and one core per library."""

import os
from pathlib import Path

# Before numpy, OpenCV or torch are imported: tests run side by side on few cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import hypothesis
import pytest
from bundles import write_tiny_bundle

from edgepatent_runtime.bundle import Bundle

# A deadline for each example fails on a busy machine; pytest's timeout ends what hangs. The same
# examples each time, so that no change fails for what it did not touch; `make test-random` and
# `make fuzz` look for new ones.
hypothesis.settings.register_profile(
    "edgepatent", deadline=None, derandomize="EDGEPATENT_FRESH_EXAMPLES" not in os.environ
)
hypothesis.settings.load_profile("edgepatent")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session", autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Graphs that were optimised are kept for other tests only, not for whoever runs them."""
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real drawings and weights; skips where it is absent."""
    folder = Path(os.environ.get("EDGEPATENT_SHARED", ROOT.parent / "shared"))
    if not (folder / "data").is_dir():
        pytest.skip(f"real data absent: no {folder / 'data'} (set EDGEPATENT_SHARED)")
    return folder


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A bundle with a real, untrained model of 32 pixels and 64 dimensions."""
    return write_tiny_bundle(tmp_path_factory.mktemp("tiny") / "bundle")
