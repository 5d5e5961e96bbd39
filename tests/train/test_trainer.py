import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from edgepatent_runtime import faults
from edgepatent_runtime.errors import TrainingError
from edgepatent_runtime.record import Record, Skipped
from edgepatent_train import loop
from edgepatent_train.data import drawing_set, read_records
from edgepatent_train.embed import embed, embed_set, pooled_features
from edgepatent_train.learner import Learner
from edgepatent_train.recipe import Recipe
from edgepatent_train.run import Run
from edgepatent_train.trainer import train

Designs = Callable[..., Path]
Tiny = Callable[..., Recipe]


def records(folder: Path) -> list[Record]:
    return read_records([str(folder)], Skipped())


def entries(run: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def weights(run: Path) -> dict[str, torch.Tensor]:
    return load_file(run / "model.safetensors")


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_a_run_holds_what_it_promises(designs: Designs, tiny: Tiny, tmp_path: Path) -> None:
    folder = designs()
    run = train(tiny(), records(folder), tmp_path / "run", sources=[str(folder)])
    assert {p.name for p in run.folder.iterdir()} == {
        "recipe.toml",
        "data.json",
        "metrics.jsonl",
        "model.safetensors",
        "seen.npz",
    }
    assert run.recipe == tiny()
    assert (run.data.drawings, run.data.patents, len(run.data.held_out)) == (36, 12, 3)
    assert run.summary()["steps"] == 6
    scored = [e["evaluation"] for e in entries(run.folder) if "evaluation" in e]
    assert len(scored) == 3  # before, and after each epoch
    model = run.model()
    assert not model.training
    usable, z = embed(model, records(folder), 32, Skipped())
    assert len(usable) == 36
    assert np.allclose(np.linalg.norm(z, axis=1), 1, atol=1e-5)


def test_a_run_knows_the_run_that_its_backbone_comes_from(
    designs: Designs, tiny: Tiny, tmp_path: Path
) -> None:
    folder = designs()
    first = train(tiny(), records(folder), tmp_path / "first", sources=["here"])
    recipe = tiny(model={"weights": str(first.folder)}, optimizer={"epochs": 0})
    second = train(recipe, records(folder), tmp_path / "second", sources=["there"])
    assert second.told()["earlier"] == [first.told()]
    assert (second.told()["steps"], first.told()["steps"]) == (0, 6)
    taken, given = second.model().state_dict(), first.model().state_dict()
    assert all(torch.equal(taken[k], given[k]) for k in given if k.startswith("backbone."))


def test_a_mean_of_runs_has_seen_what_each_of_them_has(
    designs: Designs, tiny: Tiny, tmp_path: Path
) -> None:
    every = records(designs())
    thirds = [every[i * len(every) // 3 : (i + 1) * len(every) // 3] for i in range(3)]
    begun = [
        train(tiny(seed=i), thirds[i], tmp_path / str(i), sources=[f"set {i}"]) for i in (0, 1)
    ]
    recipe = tiny(model={"weights": [str(run.folder) for run in begun]}, optimizer={"epochs": 0})
    told = (mean := train(recipe, thirds[2], tmp_path / "mean")).told()
    assert told["weights"] == "0, 1"
    assert [each["sources"] for each in told["earlier"]] == [["set 0"], ["set 1"]]
    seen, first, second = (set(run.seen().hashes[32]) for run in (mean, *begun))  # type: ignore[union-attr]
    assert first | second < seen


def test_training_lowers_the_loss(designs: Designs, tiny: Tiny, tmp_path: Path) -> None:
    recipe = tiny(optimizer={"epochs": 4, "epoch_steps": 10, "lr": 3e-3})
    run = train(recipe, records(designs()), tmp_path / "run")
    losses = [e["loss"] for e in entries(run.folder) if "loss" in e]
    assert losses[-1] < losses[0] - 0.2  # type: ignore[operator]


class KilledError(Exception):
    """Stands for kill -9: nothing in the trainer catches it or cleans up after it."""


@pytest.mark.parametrize("step", [1, 3, 4])
def test_resumed_it_ends_where_it_would_have(
    step: int, designs: Designs, tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = tiny(
        model={"head": "whitened", "drop_path": 0.2},
        loss={"learn_tau": True},
        optimizer={"checkpoint_steps": 2, "l2sp": 0.5, "interpolate": 0.8},
    )
    drawings = records(designs())
    whole = train(recipe, drawings, tmp_path / "whole")
    taken = Learner.step

    def step_or_die(self: Learner, number: int, *rest: object) -> tuple[float, float]:
        if number == step:
            raise KilledError
        return taken(self, number, *rest)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(Learner, "step", step_or_die)
        with pytest.raises(KilledError):
            train(recipe, drawings, tmp_path / "cut")
    with pytest.raises(TrainingError, match="has not finished"):
        Run.open(tmp_path / "cut").model()
    train(recipe, drawings, tmp_path / "cut", resume=True)
    assert same(weights(whole.folder), weights(tmp_path / "cut"))
    kept = [
        [{k: v for k, v in e.items() if k != "drawings_per_second"} for e in entries(run)]
        for run in (whole.folder, tmp_path / "cut")
    ]
    assert kept[0][-1] == kept[1][-1]
    said: list[str] = []
    train(recipe, drawings, tmp_path / "cut", resume=True, notify=said.append)
    assert said == [f"{tmp_path / 'cut'} has finished already"]


def test_a_half_written_line_of_metrics_is_dropped(tmp_path: Path) -> None:
    from edgepatent_train.journal import Journal

    journal = Journal(tmp_path / "metrics.jsonl")
    journal.log(1, loss=2.0)
    journal.log(5, loss=1.0)
    with journal.file.open("a") as file:
        file.write('{"step":2,"lo')
    journal.begin(1)
    assert journal.file.read_text() == '{"step":1,"loss":2.0}\n'


def test_workers_change_nothing(designs: Designs, tiny: Tiny, tmp_path: Path) -> None:
    drawings = records(designs())
    runs = [
        train(tiny(optimizer={"workers": workers}), drawings, tmp_path / str(workers))
        for workers in (0, 2)
    ]
    assert same(weights(runs[0].folder), weights(runs[1].folder))


def test_no_epochs_give_frozen_features_under_a_whitened_head(
    designs: Designs, tiny: Tiny, tmp_path: Path
) -> None:
    recipe = tiny(
        model={"head": "whitened", "dimensions": 8},
        optimizer={"epochs": 0},
        evaluation={"holdout": 0.0},
    )
    found = records(designs())
    model = train(recipe, found, tmp_path / "run").model()
    drawings = drawing_set(found, 32, Skipped())
    x = pooled_features(model, drawings) @ model.head.weight.detach().numpy().T
    x += model.head.bias.detach().numpy()
    assert np.abs(x.mean(0)).max() < 1e-3 * np.abs(x).max()
    off = np.corrcoef(x.T) - np.eye(8)
    assert np.abs(off).max() < 1e-2


def test_interpolation_lies_between_start_and_end(
    designs: Designs, tiny: Tiny, tmp_path: Path
) -> None:
    found, start = records(designs()), tiny(optimizer={"epochs": 0})
    begun = weights(train(start, found, tmp_path / "0").folder)
    ended, mixed = (
        weights(
            train(
                tiny(optimizer={"interpolate": share}, evaluation={"keep": "last"}),
                found,
                tmp_path / f"run{share}",
            ).folder
        )
        for share in (1.0, 0.25)
    )
    for name, value in mixed.items():
        if value.is_floating_point():
            expected = 0.75 * begun[name] + 0.25 * ended[name]
            assert torch.allclose(value, expected, atol=1e-6)


def test_l2sp_and_frozen_statistics_hold_the_backbone(
    designs: Designs, tiny: Tiny, tmp_path: Path
) -> None:
    found = records(designs())
    start = weights(train(tiny(optimizer={"epochs": 0}), found, tmp_path / "start").folder)

    def moved(name: str, **optimizer: object) -> dict[str, float]:
        run = train(
            tiny(optimizer={"ema": 0.0, **optimizer}, evaluation={"keep": "last"}),
            found,
            tmp_path / name,
        )
        now = weights(run.folder)
        return {k: float((now[k] - start[k]).norm()) for k in now if now[k].is_floating_point()}

    free, held = moved("free"), moved("held", l2sp=1000.0, freeze_bn=True)
    frozen = moved("frozen", backbone_lr=0.0, freeze_bn=True)
    assert held["backbone.conv_stem.weight"] < 0.5 * free["backbone.conv_stem.weight"]
    assert held["backbone.bn1.running_mean"] == 0 < free["backbone.bn1.running_mean"]
    assert all(v == 0 for k, v in frozen.items() if k.startswith("backbone."))
    assert frozen["head.weight"] > 0


def test_early_stop_waits_as_long_as_it_is_told(
    designs: Designs, tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = iter([0.2, 0.5, 0.4, 0.5, 0.9])
    real = loop.evaluate_set

    def scripted(*args: object) -> object:
        found = real(*args)  # type: ignore[arg-type]
        level = msgspec.structs.replace(found.levels["class"], map=next(scores))
        return msgspec.structs.replace(found, levels={**found.levels, "class": level})

    monkeypatch.setattr(loop, "evaluate_set", scripted)
    recipe = tiny(optimizer={"epochs": 9}, evaluation={"patience": 2, "level": "class"})
    run = train(recipe, records(designs()), tmp_path / "run")
    assert run.summary()["steps"] == 9  # best after epoch 1, none better after 2 and 3


def test_a_loss_that_is_not_finite_names_the_batch(
    designs: Designs, tiny: Tiny, tmp_path: Path
) -> None:
    recipe = tiny(optimizer={"lr": 1e30, "clip": 0.0, "ema": 0.0})
    with pytest.raises(
        TrainingError, match=r"at step \d+, in the batch of 16 drawings with /.*png"
    ):
        train(recipe, records(designs()), tmp_path / "run")
    assert (tmp_path / "run/checkpoints/last.pt").is_file()


def test_a_full_disk_at_checkpoint_time_keeps_the_one_before(
    designs: Designs, tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawings = records(designs())
    whole = train(tiny(), drawings, tmp_path / "whole")
    writes = iter(range(100))

    def full(point: str) -> None:
        if point == "whole.written" and next(writes) == 12:
            raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(faults, "hook", full)
        with pytest.raises(TrainingError, match=r"No space left on device.*go on with --resume"):
            train(tiny(), drawings, tmp_path / "run")
    assert not list((tmp_path / "run").rglob("*.part"))
    train(tiny(), drawings, tmp_path / "run", resume=True)
    assert same(weights(whole.folder), weights(tmp_path / "run"))


def test_what_cannot_be_resumed_says_why(designs: Designs, tiny: Tiny, tmp_path: Path) -> None:
    found = records(designs())
    run = tmp_path / "run"
    with pytest.raises(TrainingError, match="is no training run"):
        train(tiny(), found, run, resume=True)
    train(tiny(), found, run)
    with pytest.raises(TrainingError, match="holds a run already"):
        train(tiny(), found, run)
    (run / "model.safetensors").unlink()
    with pytest.raises(TrainingError, match=r"another recipe \(loss.tau was 0.1, is 0.2\)"):
        train(tiny(loss={"tau": 0.2}), found, run, resume=True)
    with pytest.raises(TrainingError, match="drawings are not those"):
        train(tiny(), found[:-1], run, resume=True)
    with pytest.raises(TrainingError, match="no checkpoint to resume from"):
        train(tiny(), found, run, resume=True)
    (run / "checkpoints").mkdir()
    (run / "checkpoints/last.pt").write_bytes(b"nonsense")
    with pytest.raises(TrainingError, match=r"last\.pt is damaged"):
        train(tiny(), found, run, resume=True)


def test_data_that_teach_little_say_so(designs: Designs, tiny: Tiny, tmp_path: Path) -> None:
    found = records(designs())
    unknown = [msgspec.structs.replace(r, klass=None, subclass=None) for r in found]
    said: list[str] = []
    recipe = tiny(optimizer={"epochs": 1, "epoch_steps": 1}, sampler={"patents": 16})
    train(recipe, unknown, tmp_path / "unknown", notify=said.append)
    assert any("no drawing has a class" in line for line in said)
    assert any("the data fill batches of 18 drawings, the recipe asks for 128" in s for s in said)
    single = [r for r in found if r.image.path.endswith("-0.png")]
    said.clear()
    train(recipe, single, tmp_path / "single", notify=said.append)
    assert any("every patent has one drawing" in line for line in said)


def test_data_that_teach_nothing_are_refused(designs: Designs, tiny: Tiny, tmp_path: Path) -> None:
    found = records(designs())
    alone = [r for r in found if r.patent_id == found[0].patent_id]
    with pytest.raises(TrainingError, match="needs two"):
        train(tiny(), alone, tmp_path / "run")
    missing = [
        msgspec.structs.replace(r, image=msgspec.structs.replace(r.image, path="/nowhere.png"))
        for r in found
    ]
    skipped = Skipped()
    with pytest.raises(TrainingError, match="no drawing in the data can be used"):
        train(tiny(), missing, tmp_path / "run", skipped=skipped)
    assert skipped.counts.total() == len(found)
    assert not (tmp_path / "run").exists()


def test_an_unreadable_drawing_is_skipped_and_counted(
    designs: Designs, tiny: Tiny, tmp_path: Path
) -> None:
    folder = designs()
    (folder / "P000-1.png").write_bytes(b"no picture")
    skipped = Skipped()
    run = train(tiny(), records(folder), tmp_path / "run", skipped=skipped)
    assert skipped.counts.total() == 1
    assert run.data.drawings == 35


def test_embedding_leaves_the_model_as_it_was(designs: Designs, tiny: Tiny) -> None:
    from edgepatent_train.model import build_model

    model = build_model(tiny()).train()
    drawings = drawing_set(records(designs()), 32, Skipped())
    before = {name: value.clone() for name, value in model.state_dict().items()}
    one, many = (embed_set(model, drawings, batch=size) for size in (1, 32))
    assert np.allclose(one, many, atol=1e-5)
    assert model.training
    assert same(before, model.state_dict())


def test_sizes_share_the_epochs_and_resume(
    designs: Designs, tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two epochs at 32 and one at 48 pixels, whatever happens between them."""
    found = records(designs())
    recipe = tiny(model={"size": 48}, optimizer={"sizes": [32, 48], "epochs": 3, "epoch_steps": 2})
    seen: list[int] = []
    taken = Learner.step

    def step(self: Learner, number: int, pixels: torch.Tensor, known: Any) -> tuple[float, float]:
        seen.append(pixels.shape[-1])
        return taken(self, number, pixels, known)

    def step_or_die(self: Learner, number: int, *rest: Any) -> tuple[float, float]:
        if number == 3:
            raise InterruptedError
        return taken(self, number, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(Learner, "step", step)
        whole = train(recipe, found, tmp_path / "whole")
    assert seen == [32, 32, 32, 32, 48, 48]
    with monkeypatch.context() as patch:
        patch.setattr(Learner, "step", step_or_die)
        with pytest.raises(InterruptedError):
            train(recipe, found, tmp_path / "cut")
    train(recipe, found, tmp_path / "cut", resume=True)
    assert same(weights(whole.folder), weights(tmp_path / "cut"))


def test_features_for_the_head_are_computed_once(
    designs: Designs, tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = records(designs())
    start = {"model": {"head": "whitened"}, "optimizer": {"epochs": 0}}
    train(tiny(**start, evaluation={"holdout": 0.0}), found, tmp_path / "first")
    monkeypatch.setattr("edgepatent_train.embed._apply", None)
    start["model"] = {"head": "discriminative"}
    train(tiny(**start, evaluation={"holdout": 0.0}), found, tmp_path / "second")
    start["model"] = {"head": "whitened", "gem_p": 2.0}  # another pooling, another network
    with pytest.raises(TypeError):
        train(tiny(**start, evaluation={"holdout": 0.0}), found, tmp_path / "third")
