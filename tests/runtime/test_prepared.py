"""What is kept of a session for the next process, and for whom."""

import os
import shutil
import zlib
from pathlib import Path

import numpy as np
import pytest

from edgepatent_runtime import encoder, prepared
from edgepatent_runtime.bundle import MODEL, Bundle
from edgepatent_runtime.encoder import Encoder
from edgepatent_runtime.errors import BundleError
from edgepatent_runtime.prepared import Kept

CONTENT = b"a graph"
WEIGHTS = b"its weights"


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of this test's own graphs, which is not there yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "edgepatent" / "prepared"


def written(path: Path | None) -> Path | None:
    """Leave a graph at ``path``, and its weights beside it."""
    if path is not None:
        path.write_bytes(CONTENT)
        (path.parent / prepared.WEIGHTS).write_bytes(WEIGHTS)
    return path


def test_what_one_process_keeps_the_next_finds(place: Path) -> None:
    assert Kept("model", "1.0").find() is None
    assert Kept("model", "1.0").make(written) is not None
    found = Kept("model", "1.0").find()
    assert found is not None
    assert found.read_bytes() == CONTENT
    assert (found.parent / prepared.WEIGHTS).read_bytes() == WEIGHTS
    assert list(place.iterdir()) == [found.parent]
    assert place.stat().st_mode & 0o077 == 0


def test_another_model_version_or_processor_finds_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Kept("model", "1.0").make(written)
    assert Kept("other", "1.0").find() is None
    assert Kept("model", "2.0").find() is None
    monkeypatch.setattr(prepared, "processor", lambda: "another one")
    assert Kept("model", "1.0").find() is None


def test_the_processor_is_told_by_what_it_can_do() -> None:
    told = prepared.processor()
    assert told == prepared.processor()
    assert not any(word in told for word in ("MHz", "processor\t", "bogomips", "BogoMIPS"))


@pytest.mark.parametrize("name", [prepared.GRAPH, prepared.WEIGHTS])
@pytest.mark.parametrize("damage", [b"", b"b graph", b"a grap", None])
def test_a_damaged_one_is_not_taken_but_removed(
    place: Path, name: str, damage: bytes | None
) -> None:
    Kept("model").make(written)
    (path,) = place.iterdir()
    (path / name).unlink()
    if damage is not None:
        (path / name).write_bytes(damage)
    assert Kept("model").find() is None
    assert list(place.iterdir()) == []


def test_what_an_earlier_version_kept_in_one_file_goes(place: Path) -> None:
    Kept("model").make(written)
    (path,) = place.iterdir()
    shutil.rmtree(path)
    path.with_suffix(".onnx").write_bytes(CONTENT)
    assert Kept("model").find() is None
    assert list(place.iterdir()) == []


def test_a_folder_that_others_can_write_to_is_left_alone(place: Path) -> None:
    Kept("model").make(written)
    place.chmod(0o777)
    assert Kept("model").find() is None
    assert Kept("other").make(written) is None
    assert len(list(place.iterdir())) == 1


def test_where_nothing_can_be_kept_nothing_is(place: Path) -> None:
    place.parent.parent.write_text("no folder")
    assert Kept("model").make(written) is None
    assert Kept("model").find() is None


def test_what_cannot_be_written_is_made_all_the_same(place: Path) -> None:
    def full(path: Path | None) -> str:
        if path is not None:
            raise RuntimeError("no room")
        return "made"

    assert Kept("model").make(full) == "made"
    assert list(place.iterdir()) == []


def test_the_oldest_go(place: Path) -> None:
    for number in range(prepared.MOST + 2):
        Kept(str(number)).make(written)
        (newest,) = place.glob(f"{Kept(str(number))._name}*")
        os.utime(newest, (number, number))
    assert len(list(place.iterdir())) == prepared.MOST
    assert Kept("0").find() is None
    assert Kept(str(prepared.MOST + 1)).find() is not None


def test_the_second_session_comes_from_the_kept_graph_and_answers_the_same(
    tiny_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawings = tiny_bundle.golden[0]
    first = Encoder(tiny_bundle).encode(drawings)

    def never(*_: object, **__: object) -> None:
        raise AssertionError("optimised again")

    monkeypatch.setattr(encoder, "open_session", never)
    np.testing.assert_array_equal(Encoder(tiny_bundle).encode(drawings), first)


def test_one_that_onnxruntime_cannot_read_is_made_anew(tiny_bundle: Bundle, place: Path) -> None:
    drawings = tiny_bundle.golden[0]
    first = Encoder(tiny_bundle).encode(drawings)
    (kept,) = place.iterdir()
    shutil.rmtree(kept)
    other = place / f"{kept.name.partition('-')[0]}-{zlib.crc32(CONTENT):08x}"
    other.mkdir()
    (other / prepared.GRAPH).write_bytes(CONTENT)
    np.testing.assert_array_equal(Encoder(tiny_bundle).encode(drawings), first)
    assert list(place.iterdir()) == [kept]


def test_a_changed_model_is_refused_though_its_graph_is_kept(
    tiny_bundle: Bundle, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(tiny_bundle.folder, tmp_path / "bundle"))
    Encoder(Bundle(folder))
    data = bytearray((folder / MODEL).read_bytes())
    data[-1] ^= 1
    (folder / MODEL).write_bytes(data)
    with pytest.raises(BundleError, match="damaged"):
        Encoder(Bundle(folder))
