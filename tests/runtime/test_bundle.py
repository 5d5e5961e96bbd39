import json
from pathlib import Path

import numpy as np
import pytest

from edgepatent_runtime.bundle import (
    CARD,
    FORMAT,
    GOLDEN,
    INFO,
    MODEL,
    STARTERS,
    Bundle,
    BundleInfo,
    digest,
    write_info,
)
from edgepatent_runtime.encoder import Encoder
from edgepatent_runtime.errors import BundleError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / MODEL).write_bytes(b"model")
    np.savez_compressed(
        tmp_path / GOLDEN,
        drawings=np.zeros((2, 1, 4, 4), np.uint8),
        embeddings=np.ones((2, 3), np.float32),
    )
    info = BundleInfo(
        format=FORMAT, name="x", space="s", size=4, dimensions=3, precision="fp32",
        target="portable", backbone="none", created="", versions={}, files={},
    )  # fmt: skip
    write_info(tmp_path, info)
    return tmp_path


def test_every_file_is_accounted_for(folder: Path) -> None:
    bundle = Bundle(folder)
    assert set(bundle.info.files) == {MODEL, GOLDEN}
    assert bundle.info.files[MODEL] == digest(b"model")
    assert bundle.read(MODEL) == b"model"
    bundle.verify()
    drawings, embeddings = bundle.golden
    assert drawings.shape == (2, 1, 4, 4)
    assert embeddings.shape == (2, 3)


@pytest.mark.parametrize("name", [MODEL, GOLDEN])
def test_one_changed_byte_is_found(folder: Path, name: str) -> None:
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(BundleError, match=f"{name} is damaged"):
        Bundle(folder).verify()


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / GOLDEN).unlink()
    with pytest.raises(BundleError, match=r"golden\.npz cannot be read"):
        _ = Bundle(folder).golden


def test_an_unlisted_file_is_not_read(folder: Path) -> None:
    (folder / "extra").write_bytes(b"")
    with pytest.raises(BundleError, match="lists no file extra"):
        Bundle(folder).read("extra")


def test_a_folder_without_description_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="is not a model bundle"):
        Bundle(tmp_path)
    with pytest.raises(BundleError, match="is not a model bundle"):
        Bundle(tmp_path / "missing")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 1}', '{"format": "one"}'])
def test_a_damaged_description_is_named(folder: Path, text: str) -> None:
    (folder / INFO).write_text(text)
    with pytest.raises(BundleError, match=r"bundle\.json is damaged"):
        Bundle(folder)


def test_a_newer_format_asks_for_an_upgrade(folder: Path) -> None:
    info = json.loads((folder / INFO).read_text())
    (folder / INFO).write_text(json.dumps({**info, "format": FORMAT + 1}))
    with pytest.raises(BundleError, match="upgrade edgepatent"):
        Bundle(folder)


def test_unknown_fields_of_a_later_version_are_ignored(folder: Path) -> None:
    info = json.loads((folder / INFO).read_text())
    (folder / INFO).write_text(json.dumps({**info, "novelty": 1}))
    assert Bundle(folder).info.name == "x"


@pytest.mark.parametrize(
    ("name", "bytes_at_most"), [(STARTERS[0], 5_000_000), (STARTERS[1], 2_000_000)]
)
def test_a_starter_is_small_and_computes_what_was_certified(name: str, bytes_at_most: int) -> None:
    starter = Bundle.named(name)
    starter.verify()
    assert starter.info.name == name
    assert {MODEL, GOLDEN, CARD} <= set(starter.info.files)
    assert sum(f.stat().st_size for f in starter.folder.iterdir()) <= bytes_at_most
    assert starter.info.precision == "int8"
    assert starter.info.certificate is not None
    assert starter.info.certificate["accepted"]
    assert set(starter.info.parts) == {"kin", "twin"}
    drawings, expected = starter.golden
    got = Encoder(starter).encode(drawings)
    assert got.shape == (len(drawings), starter.info.dimensions)
    assert (got * expected).sum(1).min() > 0.999
