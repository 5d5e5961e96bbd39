"""Bundles come from anybody: nothing outside is read, written or run, and each fault is a line."""

import io
import json
import os
import pickle
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from bundles import tiny_model, write_tiny_bundle
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from edgepatent_runtime import names, onnx_rules
from edgepatent_runtime.bundle import GOLDEN, INFO, MODEL, Bundle, digest
from edgepatent_runtime.collection import Collection
from edgepatent_runtime.encoder import Encoder
from edgepatent_runtime.errors import BundleError, EdgepatentError
from edgepatent_runtime.names import Name

NO_NAMES = ["", ".", "..", "../x", "a/b", "/etc/passwd", "a\\b", "C:x", "a\0b", "a\nb", "x" * 256]


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return write_tiny_bundle(tmp_path / "bundle")


def edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change ``bundle.json`` by hand."""
    info = json.loads((folder / INFO).read_bytes())
    change(info)
    (folder / INFO).write_text(json.dumps(info))


def put(folder: Path, name: str, data: bytes) -> None:
    """Replace a file and have ``bundle.json`` say so: a forger does both."""
    (folder / name).write_bytes(data)
    edit(folder, lambda info: info["files"].update({name: digest(data)}))


@pytest.mark.parametrize("text", NO_NAMES)
def test_what_is_no_plain_name_is_none(text: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no plain file name"):
        Name(text)
    with pytest.raises(ValueError, match="no plain file name"):
        names.remove_file(tmp_path, text)
    with pytest.raises(ValueError, match="no plain file name"):
        names.remove_folder(tmp_path, text)


@given(st.text(max_size=300))
def test_a_name_never_leaves_its_folder(text: str) -> None:
    try:
        name = Name(text)
    except ValueError:
        return
    assert (Path("/folder") / name).parent == Path("/folder")
    assert os.path.normpath(f"/folder/{name}") == f"/folder/{text}"


@pytest.mark.parametrize("listed", [*NO_NAMES, INFO])
def test_a_bundle_lists_only_files_of_its_own(bundle: Bundle, listed: str, tmp_path: Path) -> None:
    outside = tmp_path / "x"
    outside.write_bytes(b"mine")
    edit(bundle.folder, lambda info: info["files"].update({listed: digest(b"theirs")}))
    with pytest.raises(BundleError, match="damaged"):
        Bundle(bundle.folder)
    with pytest.raises(EdgepatentError):
        Collection.create(tmp_path / "index", Bundle(bundle.folder))
    assert outside.read_bytes() == b"mine"


@pytest.mark.parametrize("what", ["link", "pipe", "folder"])
def test_what_is_no_file_of_the_bundle_is_not_read(
    bundle: Bundle, what: str, tmp_path: Path
) -> None:
    for name in (MODEL, INFO):
        path = bundle.folder / name
        content = path.read_bytes()
        path.unlink()
        if what == "link":
            (tmp_path / "outside").write_bytes(content)
            path.symlink_to(tmp_path / "outside")
        elif what == "pipe":
            os.mkfifo(path)
        else:
            path.mkdir()
        with pytest.raises(BundleError, match="cannot be read"):
            Bundle(bundle.folder).verify()


EDITS: dict[str, Callable[[dict[str, Any]], object]] = {
    "no size": lambda info: info.update(size=0),
    "a negative size": lambda info: info.update(size=-32),
    "an absurd size": lambda info: info.update(size=10**9),
    "a size in words": lambda info: info.update(size="32"),
    "no dimensions": lambda info: info.update(dimensions=0),
    "absurd dimensions": lambda info: info.update(dimensions=2**40),
    "a fraction of a dimension": lambda info: info.update(dimensions=63.5),
    "a digest that is none": lambda info: info["files"].update({MODEL: "0"}),
    "a list of files": lambda info: info.update(files=["model.onnx"]),
    "too many files": lambda info: info.update(files={f"f{n}": "0" * 64 for n in range(100)}),
    "a space of two lines": lambda info: info.update(space="a\nb"),
    "no space": lambda info: info.update(space=""),
    "format 0": lambda info: info.update(format=0),
    "versions of numbers": lambda info: info.update(versions={"torch": 2}),
    "another size than the model": lambda info: info.update(size=64),
    "other dimensions than the model": lambda info: info.update(dimensions=65),
}


@pytest.mark.parametrize("name", EDITS)
def test_a_description_edited_by_hand_is_one_line(bundle: Bundle, name: str) -> None:
    edit(bundle.folder, EDITS[name])
    with pytest.raises(BundleError) as caught:
        Encoder(Bundle(bundle.folder))
    assert "\n" not in str(caught.value)


def test_a_description_without_end_is_damaged(bundle: Bundle) -> None:
    (bundle.folder / INFO).write_text('{"training": ' + '{"a":' * 100_000)
    with pytest.raises(BundleError, match="damaged"):
        Bundle(bundle.folder)


class _Code:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch /nowhere/ran",)


def _npz(**arrays: Any) -> bytes:
    out = io.BytesIO()
    np.savez(out, **arrays)
    return out.getvalue()


def _zeros() -> bytes:
    """An archive of 300 kB that unpacks to 300 MB."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("drawings.npy", bytes(300 << 20))
    return out.getvalue()


def _pickled() -> bytes:
    out = io.BytesIO()
    np.save(out, np.array([_Code()], object), allow_pickle=True)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("drawings.npy", out.getvalue())
        archive.writestr("embeddings.npy", out.getvalue())
    return packed.getvalue()


DRAWINGS = np.zeros((2, 1, 32, 32), np.uint8)
EMBEDDINGS = np.ones((2, 64), np.float32)
GOLDENS: dict[str, Callable[[], bytes]] = {
    "nothing": lambda: b"",
    "no archive": lambda: b"PK\3\4 and so on",
    "a pickle": lambda: pickle.dumps(_Code()),
    "arrays of objects": _pickled,
    "one array": lambda: _npz(drawings=DRAWINGS),
    "another size": lambda: _npz(drawings=DRAWINGS[:, :, 1:], embeddings=EMBEDDINGS),
    "drawings of floats": lambda: _npz(drawings=DRAWINGS.astype("f4"), embeddings=EMBEDDINGS),
    "a number": lambda: _npz(drawings=np.uint8(1), embeddings=EMBEDDINGS),
    "embeddings of text": lambda: _npz(drawings=DRAWINGS, embeddings=np.array(["a", "b"])),
    "one embedding too few": lambda: _npz(drawings=DRAWINGS, embeddings=EMBEDDINGS[:1]),
    "other dimensions": lambda: _npz(drawings=DRAWINGS, embeddings=EMBEDDINGS[:, :63]),
    "no numbers": lambda: _npz(drawings=DRAWINGS, embeddings=EMBEDDINGS * np.float32("nan")),
    "no drawings": lambda: _npz(drawings=DRAWINGS[:0], embeddings=EMBEDDINGS[:0]),
    "zeros without end": _zeros,
}


@pytest.mark.parametrize("name", GOLDENS)
def test_golden_arrays_that_are_none_are_one_line(bundle: Bundle, name: str) -> None:
    put(bundle.folder, GOLDEN, GOLDENS[name]())
    with pytest.raises(BundleError, match="holds no golden drawings") as caught:
        _ = Bundle(bundle.folder).golden
    assert "\n" not in str(caught.value)


@settings(max_examples=60)
@given(st.data())
def test_changed_golden_arrays_give_no_traceback(data: st.DataObject) -> None:
    content = bytearray(_npz(drawings=DRAWINGS, embeddings=EMBEDDINGS))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    changed = Bundle.__new__(Bundle)
    changed.folder = Path("forged")
    changed.info = Bundle.starter().info
    changed.read = lambda name: bytes(content)  # type: ignore[method-assign]
    with pytest.raises(BundleError):
        _ = changed.golden


def _model() -> Any:
    return onnx.load_from_string(tiny_model())


def _external() -> Any:
    model = _model()
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "../../secret"
    return model


def _external_constant() -> Any:
    model = _model()
    tensor = helper.make_tensor("c", TensorProto.FLOAT, [1], [0.0])
    tensor.external_data.add().key = "location"
    model.graph.node.append(helper.make_node("Constant", [], ["c"], value=tensor))
    return model


def _custom() -> Any:
    model = _model()
    model.graph.node.append(helper.make_node("Run", [], ["r"], domain="evil.example"))
    return model


def _custom_opset() -> Any:
    model = _model()
    model.opset_import.append(helper.make_opsetid("evil.example", 1))
    return model


def _loop() -> Any:
    model = _model()
    body = helper.make_graph([], "body", [], [])
    model.graph.node.append(helper.make_node("Loop", ["", ""], ["l"], body=body))
    return model


def _functions() -> Any:
    model = _model()
    model.functions.append(helper.make_function("", "f", [], [], [], []))
    return model


def _huge() -> Any:
    model = _model()
    tensor = helper.make_tensor("c", TensorProto.FLOAT, [1], [0.0])
    tensor.dims[:] = [1 << 20, 1 << 20]
    model.graph.initializer.append(tensor)
    return model


def _negative() -> Any:
    model = _model()
    model.graph.initializer[0].dims[:] = [-1, 0]
    return model


def _training() -> Any:
    model = _model()
    model.training_info.add()
    return model


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "external data": (_external, "other files"),
    "external data of a constant": (_external_constant, "other files"),
    "a custom operator": (_custom, r"operators of 'evil\.example'"),
    "a custom domain": (_custom_opset, r"operators of 'evil\.example'"),
    "a loop": (_loop, "a node holds a graph"),
    "functions": (_functions, "functions"),
    "a training graph": (_training, "training"),
    "an absurd tensor": (_huge, "tensor of more than"),
    "a negative dimension": (_negative, "tensor of more than"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_model_that_asks_for_more_than_arithmetic_is_refused(bundle: Bundle, name: str) -> None:
    make, reason = REFUSED[name]
    put(bundle.folder, MODEL, make().SerializeToString())
    with pytest.raises(BundleError, match=reason):
        Encoder(Bundle(bundle.folder))


def test_our_own_models_keep_to_the_rules() -> None:
    onnx_rules.require(tiny_model())
    onnx_rules.require(Bundle.starter().read(MODEL))


@settings(max_examples=300)
@given(st.binary(max_size=200))
def test_the_walk_ends_with_a_word_whatever_it_is_given(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"^it "):
        onnx_rules.require(data)


@settings(max_examples=300)
@given(st.integers(0, 10_000), st.integers(0, 255))
def test_the_walk_never_runs_beyond_a_changed_model(place: int, value: int) -> None:
    model = bytearray(tiny_model())
    model[place % len(model)] = value
    with suppress(ValueError):
        onnx_rules.require(bytes(model))
