import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import click
import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from edgepatent import cli, console

RECIPE = """
[model]
backbone = "test_efficientnet"
size = 32
dimensions = 16
[sampler]
classes = 2
subclasses = 2
[optimizer]
epochs = 2
epoch_steps = 8
backbone_lr = 1.0
checkpoint_steps = 1
"""

# The same program, which is killed as soon as it has written its fifth checkpoint.
KILLED = """
import os, signal
from edgepatent_train import loop
save, saved = loop.save_checkpoint, []
def save_and_die(*arguments):
    save(*arguments)
    saved.append(1)
    if len(saved) == 5:
        os.kill(os.getpid(), signal.SIGKILL)
loop.save_checkpoint = save_and_die
from edgepatent.__main__ import main
main()
"""


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A folder with little drawings of 8 patents in 4 subclasses, and a recipe for seconds."""
    data = tmp_path / "data"
    data.mkdir()
    lines = ["file_name,patent_id,class,subclass"]
    for patent in range(8):
        for view in range(3):
            page = np.full((64, 64), 255, np.uint8)
            axes = (10 + 2 * patent, 12 + 3 * view)
            cv2.ellipse(page, (32, 32), axes, 0, 0, 360, (0,), 2)
            name = f"{patent}-{view}.png"
            cv2.imwrite(str(data / name), page)
            lines.append(f"{name},P{patent},{patent // 4},{patent // 2}")
    (data / "metadata.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "tiny.toml").write_text(RECIPE)
    return tmp_path


def command(work: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "edgepatent", "train", "--out", str(work / "run"), *arguments]


def environment(work: Path) -> dict[str, str]:
    return {**os.environ, "EDGEPATENT_CACHE": str(work / "cache"), "OMP_NUM_THREADS": "1"}


def edgepatent(work: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(work, *arguments),
        capture_output=True,
        text=True,
        check=False,
        env=environment(work),
    )


def fresh(work: Path) -> list[str]:
    return ["--data", str(work / "data"), "--recipe", str(work / "tiny.toml")]


def test_train_prints_one_document_and_tells_what_comes_next(work: Path) -> None:
    done = edgepatent(work, *fresh(work), "--json", "--loss", "supcon", "--epochs", "1")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["steps"] == 8
    assert set(summary["scores"]["levels"]) == {"patent", "subclass", "class"}
    assert "epoch 1/1 step 8/8 loss" in done.stderr
    assert "drawings/s" in done.stderr
    outcome = summary["outcome"]
    assert outcome["level"] == "patent"
    assert outcome["below_first"] == (outcome["last"] < outcome["first"])
    assert ("ended below where it began" in done.stderr) == outcome["below_first"]
    assert 'name = "supcon"' in (work / "run/recipe.toml").read_text()


def test_killed_and_resumed_it_ends_where_it_would_have(work: Path) -> None:
    done = edgepatent(work, *fresh(work))
    assert done.returncode == 0, done.stderr
    whole = (work / "run").rename(work / "whole")
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, "train", "--out", str(work / "run"), *fresh(work)],
        env=environment(work),
        capture_output=True,
        text=True,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert (work / "run/metrics.jsonl").exists()
    assert not (work / "run/model.safetensors").exists()
    resumed = edgepatent(work, "--resume")
    assert resumed.returncode == 0, resumed.stderr
    assert "going on from step" in resumed.stderr
    final = [(run / "model.safetensors").read_bytes() for run in (whole, work / "run")]
    assert final[0] == final[1]


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (["--data", "DATA"], 2, "Missing option '--recipe'"),
        (["--recipe", "mobilevit_xxs"], 2, "Missing option '--data'"),
        (["--data", "DATA", "--recipe", "mobilvit_xxs"], 1, "did you mean mobilevit_xxs?"),
        (["--data", "NOWHERE", "--recipe", "mobilevit_xxs"], 1, "NOWHERE"),
        (
            ["--data", "DATA", "--recipe", "mobilevit_xxs", "--weights", "none.safetensors"],
            1,
            "none.safetensors cannot be read",
        ),
        (["--resume"], 1, "is no training run"),
        (["--data", "DATA", "--recipe", "TYPO"], 1, "unknown key optimizer.epoch: did you mean"),
    ],
)
def test_mistakes_are_one_line(
    arguments: list[str],
    status: int,
    says: str,
    work: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("EDGEPATENT_CACHE", str(work / "cache"))
    (work / "typo.toml").write_text(RECIPE.replace("epochs", "epoch"))
    names = {"DATA": str(work / "data"), "TYPO": str(work / "typo.toml")}
    asked = ["train", "--out", str(work / "run"), *(names.get(a, a) for a in arguments)]
    assert cli.run(asked) == status
    captured = capsys.readouterr()
    assert says in captured.err
    assert status == 2 or len(captured.err.strip().splitlines()) == 1
    assert captured.out == ""
    assert not (work / "run").exists()


def test_an_interrupt_says_how_to_go_on(
    work: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*args: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("edgepatent_train.trainer.train", interrupt)
    assert cli.run(["train", "--out", str(work / "run"), *fresh(work)]) == 1
    assert "--resume" in capsys.readouterr().err


def test_folded_batchnorm_cannot_be_trained(
    work: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEPATENT_CACHE", str(work / "cache"))
    asked = ["train", "--out", str(work / "run"), *fresh(work), "--weights", "starter"]
    assert cli.run(asked) == 1
    assert "must set optimizer.freeze_bn = true" in capsys.readouterr().err
    assert not (work / "run").exists()


def test_a_sweep_prints_its_table_and_goes_on(
    work: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEPATENT_CACHE", str(work / "cache"))
    (work / "sweep.toml").write_text('[grid]\n"loss.tau" = [0.1, 0.5]\n"optimizer.epochs" = [0]\n')
    out = str(work / "sweep")
    asked = ["train", "--out", out, *fresh(work), "--sweep", str(work / "sweep.toml")]
    assert cli.run(asked) == 0
    shown = capsys.readouterr()
    assert "2 of 2: 002-tau=0.5-epochs=0" in shown.err
    assert "| loss.tau | optimizer.epochs | runs | before | patent |" in shown.out
    assert (work / "sweep" / "001-tau=0.1-epochs=0" / "report.html").is_file()
    assert cli.run(asked) == 1
    assert "go on with --resume" in capsys.readouterr().err
    assert cli.run(["train", "--out", out, "--resume", "--json"]) == 0
    again = capsys.readouterr()
    assert "of 2:" not in again.err
    assert [row["settings"]["loss.tau"] for row in json.loads(again.out)] == [0.1, 0.5]


def test_the_alarm_is_red_on_a_terminal_and_nothing_else() -> None:
    @click.command()
    def alarmed() -> None:
        console.alarm("fell\x1b[2J")

    shown = CliRunner().invoke(alarmed, color=True).stderr
    assert shown.startswith("\x1b[31m\x1b[1mfell\\x1b[2J")
    assert CliRunner().invoke(alarmed).stderr == "fell\\x1b[2J\n"
