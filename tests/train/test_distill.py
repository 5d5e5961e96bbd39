import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional as F

from edgepatent_runtime.errors import RecipeError, TrainingError
from edgepatent_runtime.progress import silent
from edgepatent_runtime.record import Record, Skipped
from edgepatent_train import teacher
from edgepatent_train.curriculum import Curriculum
from edgepatent_train.data import drawing_set, read_records
from edgepatent_train.distill import DistillLoss, SpaceLoss, Told, relation
from edgepatent_train.learner import Learner
from edgepatent_train.recipe import DistillRecipe, LossRecipe, Recipe
from edgepatent_train.teacher import narrowed, no_better_than_pixels, teach
from edgepatent_train.trainer import train

Designs = Callable[..., Path]
Tiny = Callable[..., Recipe]


def unit(n: int, d: int, seed: int) -> Tensor:
    return F.normalize(torch.randn(n, d, generator=torch.Generator().manual_seed(seed)), dim=1)


def records(folder: Path) -> list[Record]:
    return read_records([str(folder)], Skipped())


def naive_relation(z: Tensor, t: Tensor, z_all: Tensor, t_all: Tensor) -> float:
    rows = []
    for i in range(len(z)):
        others = [j for j in range(len(z_all)) if j != i]
        q = [math.exp(float(z[i] @ z_all[j]) / 0.1) for j in others]
        p = [math.exp(float(t[i] @ t_all[j]) / 0.05) for j in others]
        rows.append(-sum(a / sum(p) * math.log(b / sum(q)) for a, b in zip(p, q, strict=True)))
    return sum(rows) / len(rows)


def test_relation_is_the_double_loop_over_batch_and_queue() -> None:
    z, t, past_z, past_t = unit(5, 4, 0), unit(5, 6, 1), unit(3, 4, 2), unit(3, 6, 3)
    z_all, t_all = torch.cat((z, past_z)), torch.cat((t, past_t))
    ours = relation(z @ z_all.T, t @ t_all.T, 0.1, 0.05)
    assert ours.item() == pytest.approx(naive_relation(z, t, z_all, t_all), rel=1e-4)


def test_queue_holds_the_latest_and_no_more() -> None:
    loss = SpaceLoss(DistillRecipe(queue=7), 4, Told(6))
    batches = [(unit(5, 4, s), unit(5, 6, s + 10)) for s in range(3)]
    for z, t in batches:
        loss(z, t)
    assert int(loss.filled) == 7
    assert torch.equal(loss.queue_student[:5], batches[2][0])
    assert torch.equal(loss.queue_student[5:], batches[1][0][:2])
    assert torch.equal(loss.queue_teacher[5:], batches[1][1][:2])


def test_a_student_that_agrees_has_no_regression_left() -> None:
    recipe = DistillRecipe(labels=0.0, relation=0.0)
    z, unknown = unit(5, 4, 0), torch.full((5, 3), -1)
    loss = DistillLoss(LossRecipe(), recipe, student=4, spaces=[Told(4)])
    assert loss(z, unknown, None, z).item() == pytest.approx(0, abs=1e-6)
    assert loss(z, unknown, None, -z).item() == pytest.approx(2)
    assert not list(loss.spaces.parameters())


def test_unlabelled_drawings_teach_and_the_projection_learns() -> None:
    recipe = DistillRecipe(labels=0.0)
    loss = DistillLoss(LossRecipe(), recipe, student=4, spaces=[Told(6)])
    z, unknown = unit(5, 4, 0).requires_grad_(), torch.full((5, 3), -1)
    loss(z, unknown, None, unit(5, 6, 1)).backward()
    assert z.grad is not None
    assert z.grad.abs().sum() > 0
    assert len(list(loss.spaces.parameters())) == 1
    assert all(p.grad is not None for p in loss.spaces.parameters())


def test_a_drawing_without_a_vector_has_no_part_in_a_space() -> None:
    """Two spaces of which each knows some: the terms of those that it knows, weighed, added up."""
    recipe, z = DistillRecipe(labels=0.0, queue=0), unit(6, 4, 0)
    first, second = unit(6, 5, 1), unit(6, 4, 2)
    first[3:], second[:4] = 0, 0
    spaces = [Told(5, weight=0.5), Told(4, weight=2.0, mapped=True)]
    loss = DistillLoss(LossRecipe(), recipe, student=4, spaces=spaces)
    one, two = loss.spaces
    assert not isinstance(two.project, torch.nn.Identity)
    labels = torch.full((6, 3), -1)
    expected = one(z[:3], first[:3]) + two(z[4:], second[4:])
    assert loss(z, labels, None, first, second).item() == pytest.approx(expected.item())
    nothing = torch.zeros(6, 4)
    assert two(z, nothing).item() == 0.0
    assert two(z[:1], unit(1, 4, 3)).isfinite()  # alone, it has nobody to be related to


@pytest.fixture
def taught(designs: Designs, tiny: Tiny, tmp_path: Path) -> tuple[list[Record], Path]:
    """Records, and a teacher of another size and width than the student's.

    Whitened and untrained: few steps would leave BatchNorm statistics that make it a constant.
    """
    found = records(designs())
    model = {"size": 48, "dimensions": 24, "head": "whitened", "whiten_power": 0.0}
    run = train(tiny(model=model, optimizer={"epochs": 0}), found, tmp_path / "teacher")
    return found, run.folder


def test_a_student_comes_closer_to_its_teacher(
    taught: tuple[list[Record], Path], tiny: Tiny, tmp_path: Path
) -> None:
    found, folder = taught
    distill = {"teachers": [str(folder)], "labels": 0.0}
    optimizer = {"epochs": 5, "epoch_steps": 24, "lr": 3e-3, "ema": 0.0}
    keep = {"keep": "last"}
    head = {"head": "whitened"}
    student = train(
        tiny(model=head, distill=distill, optimizer=optimizer, evaluation=keep),
        found,
        tmp_path / "student",
    ).model()
    before = train(tiny(model=head, optimizer={"epochs": 0}), found, tmp_path / "start").model()
    drawings = drawing_set(found, 32, Skipped())
    told = teach([str(folder)], drawings, silent)

    def agreement(model: object) -> float:
        z = teacher.embed_set(model, drawings)  # type: ignore[arg-type]
        above = np.triu_indices(len(z), 1)
        return float(np.corrcoef((z @ z.T)[above], (told @ told.T)[above])[0, 1])

    assert agreement(student) > agreement(before) + 0.1


def test_distilling_resumes_to_the_same_weights(
    taught: tuple[list[Record], Path],
    tiny: Tiny,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found, folder = taught
    recipe = tiny(distill={"teachers": [str(folder)], "queue": 20})
    whole = train(recipe, found, tmp_path / "whole")
    taken = Learner.step

    def step_or_die(self: Learner, number: int, *rest: object) -> tuple[float, float]:
        if number == 4:
            raise InterruptedError
        return taken(self, number, *rest)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(Learner, "step", step_or_die)
        with pytest.raises(InterruptedError):
            train(recipe, found, tmp_path / "cut")

    # The teacher's words are cached: nothing is embedded with it a second time.
    def embed_set(*args: object, **settings: object) -> None:
        raise AssertionError("the teacher was asked a second time")

    monkeypatch.setattr(teacher, "embed_set", embed_set)
    cut = train(recipe, found, tmp_path / "cut", resume=True)
    assert load_file(whole.folder / "model.safetensors").keys()
    for name, value in load_file(whole.folder / "model.safetensors").items():
        assert torch.equal(value, load_file(cut.folder / "model.safetensors")[name])


def test_an_ensemble_is_the_mean_of_its_teachers(
    taught: tuple[list[Record], Path], tiny: Tiny, tmp_path: Path
) -> None:
    found, folder = taught
    start = {"model": {"head": "whitened"}, "optimizer": {"epochs": 0}}
    other = train(tiny(seed=1, **start), found, tmp_path / "other").folder
    drawings = drawing_set(found, 32, Skipped())
    one, two, both = (
        teach(names, drawings, silent)
        for names in ([str(folder)], [str(other)], [str(folder), str(other)])
    )
    assert both.shape[1] == one.shape[1] + two.shape[1]
    assert np.allclose(both @ both.T, (one @ one.T + two @ two.T) / 2, atol=1e-5)


def test_a_wide_teacher_keeps_its_similarities_in_fewer_dimensions() -> None:
    """Drawings that lie on a plane of 6 among 24 dimensions fit into 6."""
    flat = unit(40, 6, 0) @ torch.linalg.qr(torch.randn(24, 6)).Q.T
    told = flat.numpy()
    few = narrowed(told, 6)
    assert few.shape == (40, 6)
    assert few.dtype == np.float32
    assert np.allclose(few @ few.T, told @ told.T, atol=1e-5)
    assert narrowed(told, 24) is told
    assert np.allclose(np.linalg.norm(narrowed(told, 3), axis=1), 1)


def test_a_teacher_that_sees_nothing_is_warned_of(
    taught: tuple[list[Record], Path], tiny: Tiny, tmp_path: Path
) -> None:
    drawings = drawing_set(taught[0], 32, Skipped())
    noise = unit(len(drawings), 24, 0).numpy()
    perfect = np.eye(int(drawings.patent.max()) + 1, dtype=np.float32)[drawings.patent]
    assert "no better than plain pixels" in no_better_than_pixels(noise, drawings)
    assert no_better_than_pixels(perfect, drawings) == ""
    alone = drawings.subset(np.array([0]))
    assert no_better_than_pixels(noise[:1], alone) == ""


def test_a_teacher_that_does_not_exist_suggests_the_nearest(
    designs: Designs, tiny: Tiny, tmp_path: Path
) -> None:
    recipe = tiny(distill={"teachers": ["mobilvit_s"]})
    with pytest.raises(RecipeError, match=r"did you mean mobilevit_s\?"):
        train(recipe, records(designs()), tmp_path / "run")


def test_a_teacher_that_has_not_finished_is_refused(
    taught: tuple[list[Record], Path], tiny: Tiny, tmp_path: Path
) -> None:
    found, folder = taught
    (folder / "model.safetensors").unlink()
    with pytest.raises(TrainingError, match="has not finished"):
        train(tiny(distill={"teachers": [str(folder)]}), found, tmp_path / "run")


def test_drawings_of_which_nothing_is_known_teach(
    taught: tuple[list[Record], Path], tiny: Tiny, tmp_path: Path
) -> None:
    """A folder without metadata is one patent to its source; a teacher needs no labels."""
    folder = tmp_path / "designs"
    (folder / "metadata.csv").unlink()
    found, said = records(folder), list[str]()
    assert len({record.patent_id for record in found}) == 1
    recipe = tiny(distill={"teachers": [str(taught[1])], "labels": 0.0})
    train(recipe, found, tmp_path / "run", notify=said.append)
    assert not [line for line in said if "warning" in line or "class" in line]
    labelled = tiny(distill={"teachers": [str(taught[1])]})
    with pytest.raises(TrainingError, match="1 patent to train on"):
        train(labelled, found, tmp_path / "labelled")


def test_without_labels_a_batch_holds_different_drawings(
    taught: tuple[list[Record], Path], tiny: Tiny
) -> None:
    drawings = drawing_set(taught[0], 32, Skipped())
    recipe = tiny(distill={"teachers": ["any"], "labels": 0.0}, evaluation={"holdout": 0.0})
    lessons = Curriculum(recipe, drawings)
    seen = [lessons.batches(epoch) for epoch in (0, 1)]
    for batches in seen:
        assert max(len(batch) for batch in batches) == recipe.sampler.batch
        assert all(len(set(batch.tolist())) == len(batch) for batch in batches)
    assert not all(np.array_equal(a, b) for a, b in zip(*seen, strict=True))
