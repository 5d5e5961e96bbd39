"""What a machine measured for a model, and that it is obeyed there and nowhere else."""

import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest
from bundles import with_floats

from edgepatent_runtime import device, prepared
from edgepatent_runtime.bundle import MODEL, Bundle
from edgepatent_runtime.device import Setting
from edgepatent_runtime.encoder import BATCH, Encoder
from edgepatent_runtime.errors import BundleError

CHOSEN = Setting("fp32", 2, 1, 4)


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of this test's own settings, which is not there yet."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "config" / "edgepatent" / "device.json"


@pytest.fixture
def both(tiny_bundle: Bundle, tmp_path: Path) -> Bundle:
    """A bundle in both precisions."""
    return with_floats(Path(shutil.copytree(tiny_bundle.folder, tmp_path / "both")))


def test_what_was_saved_is_found_for_its_model_alone() -> None:
    assert device.setting("a") is None
    device.save("a", CHOSEN)
    other = msgspec.structs.replace(CHOSEN, threads=3)
    device.save("b", other)
    assert device.setting("a") == CHOSEN
    assert device.setting("b") == other
    assert device.setting("c") is None


def test_another_processor_takes_nothing_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    device.save("a", CHOSEN)
    monkeypatch.setattr(prepared, "processor", lambda: "another one")
    assert device.setting("a") is None


@pytest.mark.parametrize("damage", [b"", b"{}", b'{"processor": 1, "models": {}}'])
def test_a_damaged_file_is_as_none(config: Path, damage: bytes) -> None:
    device.save("a", CHOSEN)
    config.write_bytes(damage)
    assert device.setting("a") is None
    device.save("a", CHOSEN)
    assert device.setting("a") == CHOSEN


def test_numbers_that_no_machine_has_are_refused(config: Path) -> None:
    device.save("a", CHOSEN)
    config.write_bytes(config.read_bytes().replace(b'"batch": 4', b'"batch": 100000'))
    assert device.setting("a") is None


def test_a_model_runs_as_was_saved(both: Bundle) -> None:
    before = Encoder(both, threads=0)
    assert (before.precision, before.batch) == ("int8", BATCH)
    device.save(both.info.files[MODEL], CHOSEN)
    after = Encoder(both, threads=0)
    assert (after.precision, after.batch) == ("fp32", 4)
    drawings = both.golden[0]
    np.testing.assert_allclose(after.encode(drawings), before.encode(drawings), atol=1e-6)
    # What is asked for by name goes before it.
    assert Encoder(both, precision="int8").precision == "int8"


def test_a_precision_that_the_bundle_lacks(tiny_bundle: Bundle) -> None:
    device.save(tiny_bundle.info.files[MODEL], Setting("int8", 1, 1, 1))
    assert Encoder(tiny_bundle).precision == "fp32"
    with pytest.raises(BundleError, match="no int8 model"):
        Encoder(tiny_bundle, precision="int8")


def test_a_bundle_that_names_a_model_that_it_lacks_is_damaged(both: Bundle) -> None:
    info = msgspec.structs.replace(both.info, also={"fp32": "../elsewhere.onnx"})
    (both.folder / "bundle.json").write_bytes(msgspec.json.encode(info))
    with pytest.raises(BundleError, match="names a model that it lacks"):
        Bundle(both.folder)


def test_the_second_model_is_checked_as_the_first(both: Bundle) -> None:
    path = both.folder / both.models["fp32"]
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    with pytest.raises(BundleError, match="damaged"):
        Encoder(both, precision="fp32")
