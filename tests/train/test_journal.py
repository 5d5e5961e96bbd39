import json
from pathlib import Path

import pytest

from edgepatent_runtime.errors import MissingExtraError
from edgepatent_train.journal import Journal


def test_numbers_reach_tensorboard(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    journal = Journal(tmp_path / "metrics.jsonl", tmp_path / "boards")
    journal.log(3, loss=0.5, evaluation={"levels": {"patent": {"mAP": 0.25}}}, name="x")
    assert json.loads(journal.file.read_text())["loss"] == 0.5
    events = EventAccumulator(str(tmp_path / "boards"))
    events.Reload()
    found = {tag: events.Scalars(tag)[0] for tag in events.Tags()["scalars"]}
    assert found["loss"].value == 0.5
    assert found["evaluation/levels/patent/mAP"].value == 0.25
    assert found["loss"].step == 3


def test_without_tensorboard_one_line_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "torch.utils.tensorboard", None)
    with pytest.raises(MissingExtraError, match=r"edgepatent\[tensorboard\]"):
        Journal(tmp_path / "metrics.jsonl", tmp_path / "boards")
