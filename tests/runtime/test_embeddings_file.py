"""Files of embeddings that somebody sent: what is wrong with them is one line."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from edgepatent_runtime import embeddings_file
from edgepatent_runtime.errors import InputError
from edgepatent_runtime.record import ImageRef, Record


def written(folder: Path, vectors: np.ndarray) -> Path:
    path = folder / "vectors.npy"
    np.save(path, vectors, allow_pickle=True)
    records = [Record(image=ImageRef(f"{n}.png"), patent_id=f"P{n}") for n in range(len(vectors))]
    lines = b"\n".join(msgspec.json.encode(record) for record in records)
    path.with_suffix(".jsonl").write_bytes(lines)
    return path


def test_what_embed_writes_is_read_as_it_is(tmp_path: Path) -> None:
    vectors = np.eye(3, 8, dtype=np.float32)
    records, read = embeddings_file.read(written(tmp_path, vectors))
    assert [record.patent_id for record in records] == ["P0", "P1", "P2"]
    np.testing.assert_array_equal(read, vectors)


@pytest.mark.parametrize(
    "vectors",
    [
        np.array([{"run": "me"}], object),
        np.array([b"text"]),
        np.ones((2, 8), np.int8),
        np.ones(8, np.float32),
        np.ones((2, 2, 2), np.float32),
        np.array(1.0),
        np.array([(1.0, 2)], [("a", "f4"), ("b", "i4")]),
    ],
    ids=["pickle", "bytes", "integers", "one vector", "a cube", "a number", "fields"],
)
def test_arrays_of_another_kind_are_refused(tmp_path: Path, vectors: np.ndarray) -> None:
    path = tmp_path / "vectors.npy"
    np.save(path, vectors, allow_pickle=True)
    with pytest.raises(InputError, match="no file of embeddings") as caught:
        embeddings_file.read(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "header",
    [
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1000000000000), }",
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 8), }",
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 9000000000000000000000), }",
        b"{'descr': '|O', 'fortran_order': False, 'shape': (2, 8), }",
        b"{'descr': '<f4', 'shape': (2, 8), }",
        b"__import__('os').system('true')",
        b"((((((((",
        b"\xff\xfe\x00",
    ],
    ids=["huge", "negative", "beyond", "objects", "no order", "code", "open", "no text"],
)
def test_a_header_that_lies_is_refused(tmp_path: Path, header: bytes) -> None:
    path = tmp_path / "vectors.npy"
    length = len(header).to_bytes(2, "little")
    path.write_bytes(b"\x93NUMPY\x01\x00" + length + header + bytes(64))
    with pytest.raises(InputError, match="no file of embeddings"):
        embeddings_file.read(path)


@pytest.mark.parametrize("kept", [0, 5, 9, 100])
def test_half_a_file_is_refused(tmp_path: Path, kept: int) -> None:
    path = written(tmp_path, np.eye(3, 8, dtype=np.float32))
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(InputError, match="no file of embeddings"):
        embeddings_file.read(path)


@pytest.mark.parametrize(
    "line",
    [b"", b"null", b"[]", b'{"patent_id": 5}', b"\xff", b"[" * 100_000, b'{"image": {"path": '],
    ids=["empty", "null", "list", "number", "no text", "deep", "half"],
)
def test_a_line_that_is_no_record_is_named(tmp_path: Path, line: bytes) -> None:
    path = written(tmp_path, np.eye(2, 8, dtype=np.float32))
    metadata = path.with_suffix(".jsonl")
    metadata.write_bytes(metadata.read_bytes().splitlines()[0] + b"\n" + line + b"\n")
    records, _ = embeddings_file.read(path)
    with pytest.raises(InputError, match="line 2"):
        list(records)
