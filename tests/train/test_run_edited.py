"""A run folder whose documents somebody edited: one line, whatever it says."""

from contextlib import suppress
from pathlib import Path

import pytest
from hostile_documents import BYTES, edited

from edgepatent_runtime.errors import EdgepatentError, TrainingError
from edgepatent_train.run import Run

RECIPE = """
[model]
backbone = "test_efficientnet"
"""
METRICS = (
    b'{"step":0,"evaluation":{"drawings":28,"levels":{"patent":{"queries":28,"mAP":0.3},'
    b'"subclass":{"mAP":0.2},"class":{"mAP":0.4}},"ndcg@10":0.5}}\n'
    b'{"step":10,"loss":1.5,"seconds":0.25}\n'
    b'{"step":20,"evaluation":{"drawings":28,"levels":{"patent":{"queries":28,"mAP":0.4},'
    b'"subclass":{"mAP":null},"class":{"mAP":0.5}},"ndcg@10":0.6}}\n'
)
DATA = (
    b'{"sources":["drawings"],"drawings":60,"patents":15,"held_out":["P1"],"digest":"ab",'
    b'"earlier":{},"licences":{"drawings":{"CC0":60}}}'
)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """What can be read of a run without its weights."""
    (tmp_path / "recipe.toml").write_text(RECIPE)
    (tmp_path / "metrics.jsonl").write_bytes(METRICS)
    (tmp_path / "data.json").write_bytes(DATA)
    return tmp_path


def read(folder: Path) -> None:
    run = Run.open(folder)
    for ask in (run.summary, run.outcome, run.told, run.seen):
        with suppress(EdgepatentError):
            ask()


def test_a_whole_run_is_read(run: Path) -> None:
    summary = Run.open(run).summary()
    assert (summary["steps"], summary["held_out"]) == (20, 1)
    assert Run.open(run).told()["licences"] == {"drawings": {"CC0": 60}}


@pytest.mark.parametrize("name", ["metrics.jsonl", "data.json", "recipe.toml", "seen.npz"])
def test_what_is_no_document_is_refused_or_left_out(run: Path, name: str) -> None:
    for data in BYTES.values():
        (run / name).write_bytes(data)
        with suppress(EdgepatentError):
            read(run)


def test_every_value_made_wrong_is_one_line_or_none(run: Path) -> None:
    for _, data in edited(DATA):
        (run / "data.json").write_bytes(data)
        read(run)
    (run / "data.json").write_bytes(DATA)
    lines = METRICS.splitlines()
    for number, line in enumerate(lines):
        for _, data in edited(line):
            changed = [*lines[:number], data, *lines[number + 1 :]]
            (run / "metrics.jsonl").write_bytes(b"\n".join(changed))
            read(run)


def test_a_line_that_no_training_wrote_is_named(run: Path) -> None:
    (run / "metrics.jsonl").write_bytes(METRICS.replace(b'"step":10', b'"step":"ten"'))
    with pytest.raises(TrainingError, match=r"metrics.jsonl, line 2 is damaged: .*step"):
        Run.open(run).entries()
