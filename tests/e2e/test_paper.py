"""recipes/deeppatent2.py from the archives to the table, on a DeepPatent2 of a few designs."""

import json
import re
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest
from deeppatent2_files import write_designs

ROOT = Path(__file__).parents[2]
SMALL = """
[model]
backbone = "test_efficientnet"
size = 32
dimensions = 16
[sampler]
classes = 2
subclasses = 2
patents = 1
views = 2
[optimizer]
epochs = 1
epoch_steps = 2
[evaluation]
holdout = 0.3
"""


@pytest.fixture(scope="module")
def script() -> Any:
    spec = spec_from_file_location("deeppatent2_recipe", ROOT / "recipes" / "deeppatent2.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    import sys

    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_from_the_archives_to_the_table_and_on_after_a_stop(
    script: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEPATENT_CACHE", str(tmp_path / "cache"))
    downloads, work = tmp_path / "downloads", tmp_path / "work"
    write_designs(downloads, 2012, designs=6, views=2, seed=1)
    tested = write_designs(downloads, 2019, designs=4, views=2, seed=2)
    (tmp_path / "small.toml").write_text(SMALL)
    asked = ["run", str(downloads), "--work", str(work), "--recipe", str(tmp_path / "small.toml"),
             "--networks", "test_efficientnet", "--losses", "infonce", "hierarchical",
             "--taus", "0.1", "0.3", "--seeds", "0", "1"]  # fmt: skip

    class KilledError(Exception):
        """Stands for kill -9."""

    scored, whole = [], script.deeppatent2_2019

    def once(*arguments: Any) -> Any:
        scored.append(arguments)
        if len(scored) == 2:
            raise KilledError
        return whole(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(script, "deeppatent2_2019", once)
        with pytest.raises(KilledError):
            script.main(asked)
    trained = {file: file.stat().st_mtime_ns for file in work.rglob("model.safetensors")}
    assert len(trained) == 2 * (2 + 1)  # two τ with the first seed, the best with the other
    script.main(asked)
    assert {file: file.stat().st_mtime_ns for file in work.rglob("model.safetensors")} == trained
    text = (work / "table.md").read_text("utf-8")
    assert capsys.readouterr().out.endswith(text)
    for loss in ("infonce", "hierarchical"):
        tau = script.best_tau(work / "test_efficientnet" / loss / "tau")
        runs = [
            r for _, name, r in script.chosen_runs(_plan(script, tmp_path), work) if name == loss
        ]
        assert len(runs) == 2
        scores = [json.loads((run / "deeppatent2-2019.json").read_bytes()) for run in runs]
        assert all(score["repeat"]["designs"] == len(tested) for score in scores)
        assert all(score["gallery"] == 7 for score in scores)
        mean = sum(score["figures"]["same design R@1"]["value"] for score in scores) / 2
        row = re.search(rf"^\| test_efficientnet \| {loss} \|(.*)$", text, re.M)
        assert row is not None
        cells = [cell.strip() for cell in row[1].split("|")]
        assert cells[:3] == [f"{tau:g}", "2", "7"]
        assert cells[3].startswith(f"{mean:.3f} ± ")


def _plan(script: Any, folder: Path) -> Any:
    recipe = script.load_recipe(folder / "small.toml")
    losses, taus = ["infonce", "hierarchical"], [0.1, 0.3]
    return script.Plan(recipe, ["test_efficientnet"], losses, taus, [0, 1])


def test_cost_grows_with_drawings_and_names_every_card(
    script: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    hours = []
    for drawings in ("1000000", "2000000"):
        script.main(["cost", "--drawings", drawings, "--networks", "mobilevit_xxs"])
        shown = capsys.readouterr().out
        assert all(card in shown for card in script.GPUS)
        row = re.search(r"^\| mobilevit_xxs \| (\d+) MiB \| ([\d,]+) h", shown, re.M)
        assert row is not None
        assert 20 < int(row[1]) < 120
        hours.append(int(row[2].replace(",", "")))
    assert hours[1] == pytest.approx(2 * hours[0], rel=0.02)


def test_without_2019_there_is_nothing_to_score(script: Any, tmp_path: Path) -> None:
    (tmp_path / "2012").mkdir()
    (tmp_path / "2012" / "design2012.json").write_text("[]")
    with pytest.raises(SystemExit, match="needs the year 2019"):
        script.years(tmp_path)
