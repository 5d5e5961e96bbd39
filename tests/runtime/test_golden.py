"""Whether an encoder gives what the model gave where it was exported."""

from pathlib import Path

import numpy as np
import pytest
from bundles import tiny_model, with_floats, write_tiny_bundle

from edgepatent_runtime import golden
from edgepatent_runtime.bundle import FLOATS, Bundle, write_info
from edgepatent_runtime.encoder import Encoder
from edgepatent_runtime.errors import BundleError


def test_the_same_is_taken(tiny_bundle: Bundle) -> None:
    encoder = Encoder(tiny_bundle)
    assert golden.lowest_cosine(encoder) == pytest.approx(1, abs=1e-5)
    golden.require(encoder)


def test_other_embeddings_are_refused(tmp_path: Path) -> None:
    bundle = with_floats(write_tiny_bundle(tmp_path).folder)
    (tmp_path / FLOATS).write_bytes(tiny_model(seed=5))
    write_info(tmp_path, bundle.info)
    golden.require(Encoder(Bundle(tmp_path), precision="int8"))
    with pytest.raises(BundleError, match=r"tiny-0 \(fp32\) gives other .*, below 0\.99"):
        golden.require(Encoder(Bundle(tmp_path), precision="fp32"))


def test_what_is_no_number_is_refused(tiny_bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = Encoder(tiny_bundle)
    monkeypatch.setattr(encoder, "encode", lambda given: np.full((len(given), 64), np.nan))
    with pytest.raises(BundleError, match="lowest cosine nan"):
        golden.require(encoder)
