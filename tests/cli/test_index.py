"""``edgepatent index``: every verb, as a person calls it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bundles import write_tiny_bundle
from stored import draw, draw_patents

from edgepatent_runtime.bundle import Bundle
from edgepatent_runtime.collection import Collection
from edgepatent_runtime.encoder import Encoder
from edgepatent_runtime.record import Skipped
from edgepatent_runtime.sources import open_source

Command = Callable[..., subprocess.CompletedProcess[str]]
RunJson = Callable[..., Any]


@pytest.fixture
def run(edgepatent: Command) -> Command:
    """The real command."""
    return edgepatent


@pytest.fixture
def run_json(edgepatent: Command) -> RunJson:
    """The real command with --json: the document it prints."""
    return lambda *arguments: json.loads(edgepatent(*arguments, "--json").stdout)


@pytest.fixture
def drawings(tmp_path: Path) -> Path:
    draw_patents(tmp_path / "drawings", 4)
    return tmp_path / "drawings"


@pytest.fixture
def index(tmp_path: Path, drawings: Path, tiny_bundle: Bundle) -> Path:
    folder = tmp_path / "index"
    source = open_source(str(drawings))
    with Collection.create(folder, tiny_bundle) as collection:
        collection.add(source.records(Skipped()), Encoder(tiny_bundle), root=source.root)
    return folder


def test_add_counts_what_it_did(
    index: Path, drawings: Path, process: Command, run_json: RunJson
) -> None:
    draw(drawings / "P0000" / "view0.png", 4711)
    (drawings / "P0001" / "view0.png").unlink()
    (drawings / "P0002" / "empty.png").write_bytes(b"")
    told = run_json("index", "add", drawings, "--index", index, "--prune")
    counts = {name: told[name] for name in ("added", "replaced", "unchanged", "removed")}
    assert counts == {"added": 0, "replaced": 1, "unchanged": 10, "removed": 1}
    assert sum(told["skipped"].values()) == 1
    assert told["index"]["drawings"] == 11
    said = process("index", "add", drawings, "--index", index)
    assert said.stdout.startswith("11 unchanged; 11 drawings of 4 patents in ")
    assert "empty.png" in said.stderr


def test_info_tells_what_the_design_promises(
    index: Path, tiny_bundle: Bundle, run: Command, run_json: RunJson
) -> None:
    info = run_json("index", "info", "--index", index)
    assert info.keys() >= {
        "drawings", "patents", "dimensions", "space", "bytes", "generation", "graph",
    }  # fmt: skip
    assert (info["drawings"], info["patents"], info["dimensions"]) == (12, 4, 64)
    assert info["space"] == tiny_bundle.info.space
    assert info["graph"] == "none"
    assert "12 drawings of 4 patents" in run("index", "info", "--index", index).stdout


def test_the_index_is_named_by_the_environment_too(index: Path, run: Command) -> None:
    assert "12 drawings" in run("index", "info", EDGEPATENT_INDEX=str(index)).stdout


def test_remove_takes_conditions_and_refuses_none(
    index: Path, run: Command, run_json: RunJson
) -> None:
    assert run_json("index", "remove", "P0001", "--index", index)["removed"] == 3
    run("index", "remove", "--index", index, status=2)
    refused = run("index", "remove", "P0001", "--index", index, status=1)
    assert "nothing in" in refused.stderr
    bad = run("index", "remove", "--since", "yesterday", "--index", index, status=1)
    assert "'yesterday' is not a date" in bad.stderr


def test_verify_finds_and_repairs(index: Path, run: Command, run_json: RunJson) -> None:
    assert run("index", "verify", "--index", index).stdout == f"{index} is sound\n"
    rows = index / "vectors-000001.rows"
    data = bytearray(rows.read_bytes())
    data[200] ^= 8
    rows.write_bytes(data)
    found = run("index", "verify", "--index", index, status=1)
    assert "1 of 12 rows are damaged" in found.stdout
    assert found.stderr.startswith("edgepatent: ")
    told = run_json("index", "verify", "--repair", "--index", index)
    assert told["repaired"]["lost"] == []
    assert run_json("index", "verify", "--index", index)["problems"] == []


def test_verify_tells_of_drawings_that_are_lost(
    index: Path, drawings: Path, run: Command, run_json: RunJson
) -> None:
    shutil.rmtree(drawings)
    rows = index / "vectors-000001.rows"
    os.truncate(rows, rows.stat().st_size - 1)
    told = run("index", "verify", "--repair", "--index", index, status=1)
    assert "1 drawings were lost (of P0003)" in told.stderr
    assert run_json("index", "info", "--index", index)["drawings"] == 11


def test_a_damaged_model_is_copied_in_again(index: Path, tiny_bundle: Bundle, run: Command) -> None:
    (index / "bundle-000001" / "model.onnx").write_bytes(b"")
    refused = run("index", "verify", "--repair", "--index", index, status=1)
    assert "--model" in refused.stderr
    run("index", "verify", "--repair", "--model", tiny_bundle.folder, "--index", index)


def test_rebuild_compacts_or_changes_the_model(
    index: Path, tmp_path: Path, run: Command, run_json: RunJson
) -> None:
    run("index", "remove", "P0001", "--index", index)
    assert run_json("index", "rebuild", "--index", index)["index"]["dead"] == 0
    other = write_tiny_bundle(tmp_path / "other", dimensions=96, seed=8)
    assert run_json("index", "rebuild", "--figures", "--index", index)["figures"] == 0
    told = run_json("index", "rebuild", "--model", other.folder, "--index", index)
    assert told["index"]["space"] == other.info.space
    assert told["index"]["drawings"] == 9
    run("index", "verify", "--index", index)


def test_merge_makes_one_of_several(
    index: Path, tmp_path: Path, tiny_bundle: Bundle, run: Command, run_json: RunJson
) -> None:
    draw_patents(tmp_path / "more", 6)
    second = tmp_path / "second"
    source = open_source(str(tmp_path / "more"))
    with Collection.create(second, tiny_bundle) as collection:
        collection.add(source.records(Skipped()), Encoder(tiny_bundle), root=source.root)
    both = tmp_path / "both"
    assert run_json("index", "merge", index, second, "--index", both)["added"] == 30
    assert run_json("index", "merge", second, "--index", both)["unchanged"] == 18
    other = write_tiny_bundle(tmp_path / "other", seed=8)
    third = tmp_path / "third"
    Collection.create(third, other).close()
    refused = run("index", "merge", third, "--index", both, status=1)
    assert "another model" in refused.stderr


def test_another_model_is_refused_for_an_old_index(
    index: Path, drawings: Path, tmp_path: Path, run: Command
) -> None:
    other = write_tiny_bundle(tmp_path / "other", seed=8)
    refused = run("index", "add", drawings, "--index", index, "--model", other.folder, status=1)
    assert "another model" in refused.stderr


@pytest.mark.parametrize("verb", ["info", "verify", "rebuild", "remove"])
def test_where_nothing_is_indexed_each_verb_says_what_to_do(
    tmp_path: Path, verb: str, run: Command
) -> None:
    more = ["P0001"] if verb == "remove" else []
    refused = run("index", verb, *more, "--index", tmp_path / "none", status=1)
    assert "edgepatent index add" in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert not (tmp_path / "none").exists()


def test_sources_without_a_usable_drawing_fail(
    tmp_path: Path, tiny_bundle: Bundle, run: Command
) -> None:
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "a.png").write_text("text")
    refused = run(
        "index", "add", tmp_path / "bad", "--index", tmp_path / "i", "--model",
        tiny_bundle.folder, status=1,
    )  # fmt: skip
    assert "no drawing could be used" in refused.stderr
    refused = run("index", "add", tmp_path / "nowhere", "--index", tmp_path / "i", status=1)
    assert "does not exist" in refused.stderr


def test_ctrl_c_keeps_what_was_committed(
    tmp_path: Path, tiny_bundle: Bundle, run_json: RunJson
) -> None:
    index = tmp_path / "index"
    source = "synthetic:designs=3000,seed=5,views=4"
    arguments = ("index", "add", source, "--index", str(index), "--model", tiny_bundle.folder)
    # Set here: a job in the background, as CI runs them, inherits that SIGINT is ignored.
    begin = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from edgepatent.__main__ import main; main()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", begin, *map(str, arguments)],
        stderr=subprocess.PIPE,
        text=True,
        # As a terminal does: Ctrl-C goes to the whole group.
        start_new_session=True,
    ) as adding:
        rows = index / "vectors-000001.rows"
        while not rows.is_file() or rows.stat().st_size < 5000:
            assert adding.poll() is None
            time.sleep(0.05)
        os.killpg(adding.pid, signal.SIGINT)
        assert adding.stderr is not None
        said = adding.stderr.read()
    assert adding.returncode == 1
    assert said.split() == ["interrupted"]
    assert run_json("index", "verify", "--index", index)["problems"] == []
    assert run_json("index", "info", "--index", index)["drawings"] >= 64
