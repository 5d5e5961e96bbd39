"""``edgepatent embed``, and indexing what it wrote."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest
from stored import draw_patents

from edgepatent_runtime import Index, shards
from edgepatent_runtime.bundle import Bundle
from edgepatent_runtime.encoder import Encoder
from edgepatent_runtime.record import Record
from edgepatent_runtime.shards import Shard
from edgepatent_runtime.sources import load, open_source

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def drawings(tmp_path: Path) -> Path:
    draw_patents(tmp_path / "drawings", 4)
    return tmp_path / "drawings"


@pytest.fixture
def embeddings(drawings: Path, tmp_path: Path, tiny_bundle: Bundle, process: Command) -> Path:
    out = tmp_path / "out.npy"
    process("embed", drawings, "--model", tiny_bundle.folder, "--out", out)
    return out


def test_embeddings_are_those_of_the_model(embeddings: Path, tiny_bundle: Bundle) -> None:
    vectors = np.load(embeddings)
    lines = embeddings.with_suffix(".jsonl").read_bytes().splitlines()
    records = [msgspec.json.decode(line, type=Record) for line in lines]
    assert (vectors.shape, vectors.dtype) == ((12, 64), np.float32)
    assert len(records) == 12
    pixels = np.stack([load(record.image, tiny_bundle.info.size) for record in records])
    assert vectors == pytest.approx(Encoder(tiny_bundle).encode(pixels), abs=1e-5)


def test_an_index_of_embeddings_is_one_of_drawings(
    embeddings: Path, drawings: Path, tmp_path: Path, tiny_bundle: Bundle, edgepatent: Command
) -> None:
    index = tmp_path / "index"
    arguments = ("index", "add", embeddings, "--index", index, "--json")
    told = json.loads(edgepatent(*arguments, "--model", tiny_bundle.folder).stdout)
    assert (told["added"], told["index"]["patents"]) == (12, 4)
    assert json.loads(edgepatent(*arguments).stdout)["unchanged"] == 12
    query = drawings / "P0002" / "view1.png"
    said = edgepatent("search", query, "--anyway", "--index", index, "--json")
    hit = json.loads(said.stdout)["hits"][0]
    assert (hit["rank"], hit["patent_id"]) == (1, "P0002")
    assert hit["score"] > 0.999


def test_bad_files_are_refused_in_one_line(
    embeddings: Path, tmp_path: Path, tiny_bundle: Bundle, edgepatent: Command
) -> None:
    index = tmp_path / "index"

    def refused(*arguments: object) -> str:
        said = edgepatent(
            "index", "add", *arguments, "--index", index, "--model", tiny_bundle.folder, status=1
        ).stderr
        assert said.count("\n") == 1
        return said

    text = tmp_path / "text.npy"
    text.write_text("no array")
    assert "no file of embeddings" in refused(text)
    assert "--metadata" in refused(embeddings, "--metadata", tmp_path / "none.jsonl")
    half = tmp_path / "half.jsonl"
    lines = embeddings.with_suffix(".jsonl").read_text().splitlines(keepends=True)
    half.write_text("".join(lines[:5]))
    assert "fewer records" in refused(embeddings, "--metadata", half)
    half.write_text("".join(lines[:5]) + "{}\n")
    assert "half.jsonl, line 6" in refused(embeddings, "--metadata", half)
    out = edgepatent("embed", tmp_path, "--model", tiny_bundle.folder, "--out", "x.txt", status=1)
    assert "must end in .npy" in out.stderr


def test_shards_are_made_and_split(
    drawings: Path, tmp_path: Path, tiny_bundle: Bundle, edgepatent: Command
) -> None:
    out, index = tmp_path / "shards", tmp_path / "index"
    model = ("--model", tiny_bundle.folder)
    said = edgepatent("embed", drawings, *model, "--shard", "1/2", "--out", out, "--json")
    told = json.loads(said.stdout)
    source = open_source(str(drawings))
    other = shards.embed([source], Shard(2, 2), out, tiny_bundle)
    assert other is not None
    assert told["added"] + other.added == 12
    assert told["index"]["drawings"] == told["added"]
    with Index.create(index, tiny_bundle) as merged:
        merged.merge(*out.iterdir())
    arguments = ("--index", index, "--shards", 2, "--out", tmp_path / "split", "--json")
    held = json.loads(edgepatent("index", "split", *arguments).stdout)["shards"]
    assert list(held.values()) == [told["added"], other.added]
