from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from interruption import cut_at, require_same_weights

from edgepatent_runtime.errors import RecipeError, TrainingError
from edgepatent_runtime.record import Skipped
from edgepatent_train.curriculum import Curriculum
from edgepatent_train.data import drawing_set, read_mixture
from edgepatent_train.mixing import mixed_batches
from edgepatent_train.recipe import Recipe, SamplerRecipe, SourceRecipe
from edgepatent_train.recipe_file import parse_recipe
from edgepatent_train.trainer import train

Designs = Callable[..., Path]
Tiny = Callable[..., Recipe]
Ints = npt.NDArray[np.int64]


@st.composite
def tables(draw: st.DrawFn) -> tuple[Ints, Ints, Ints, Ints]:
    """Drawings of two or three sources in a hierarchy, some labels unknown, in any order."""
    rows: list[tuple[int, int, int, int]] = []
    patent = 0
    for source in range(draw(st.integers(2, 3))):
        for _ in range(draw(st.integers(1, 12))):
            klass = draw(st.integers(-1, 3))
            subclass = klass * 3 + draw(st.integers(0, 2)) if klass >= 0 else -1
            rows += [(source, patent, subclass, klass)] * draw(st.integers(1, 5))
            patent += 1
    order = draw(st.permutations(range(len(rows))))
    source_of, patent_of, subclass_of, klass_of = np.array([rows[i] for i in order], np.int64).T
    return source_of, patent_of, subclass_of, klass_of


RECIPES = [
    SamplerRecipe(classes=2, subclasses=2, patents=2, views=2),
    SamplerRecipe(classes=4, subclasses=1, patents=2, views=3),
    SamplerRecipe(classes=8, subclasses=2, patents=1, views=1, views_cap=1),
]
SOURCES = (
    SourceRecipe("a", share=2.0),
    SourceRecipe("b", views=1),
    SourceRecipe("c", share=0.5, views=3),
)


def batches_of(
    table: tuple[Ints, ...], recipe: SamplerRecipe, count: int = 0, seed: int = 0
) -> list[Ints]:
    sources = SOURCES[: int(table[0].max()) + 1]
    return mixed_batches(*table, sources, recipe, count=count, seed=(seed,))  # type: ignore[misc, arg-type]


@settings(max_examples=80, deadline=None)
@given(tables(), st.sampled_from(RECIPES))
def test_a_batch_fits_and_every_patent_in_it_shows_its_views(
    table: tuple[Ints, Ints, Ints, Ints], recipe: SamplerRecipe
) -> None:
    source, patent, _, klass = table
    for batch in batches_of(table, recipe, count=7):
        assert len(batch) <= recipe.batch
        assert len(set(klass[batch][klass[batch] >= 0].tolist())) <= recipe.classes
        for s, settings_of in enumerate(SOURCES[: int(source.max()) + 1]):
            own = batch[source[batch] == s]
            views = settings_of.views or recipe.views
            counts = np.bincount(patent[own]) if len(own) else np.array([0])
            assert (counts % views == 0).all()


@settings(max_examples=40, deadline=None)
@given(tables(), st.sampled_from(RECIPES))
def test_same_seed_same_batches_another_seed_others(
    table: tuple[Ints, Ints, Ints, Ints], recipe: SamplerRecipe
) -> None:
    first, again = batches_of(table, recipe, 9), batches_of(table, recipe, 9)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))


def three_sources() -> tuple[Ints, Ints, Ints, Ints]:
    """Patents of one drawing, icons of two, ten times as many; meshes without any class."""
    rng = np.random.default_rng(0)
    patents = [(0, p, 1000 + p % 40, p % 8) for p in range(100)]
    icons = [(1, 1000 + i // 2, int(s), int(s) // 5) for i, s in
             enumerate(np.repeat(rng.integers(0, 40, 1000), 2))]  # fmt: skip
    meshes = [(2, 5000 + i // 3, -1, -1) for i in range(90)]
    columns = np.array(patents + icons + meshes, np.int64).T
    return columns[0], columns[1], columns[2], columns[3]


def test_sources_have_their_shares_whatever_their_sizes() -> None:
    table = three_sources()
    recipe = SamplerRecipe(classes=4, subclasses=2, patents=2, views=2)
    seen = np.concatenate(batches_of(table, recipe, count=200))
    shares = np.bincount(table[0][seen]) / len(seen)
    assert np.allclose(shares, np.array([2, 1, 0.5]) / 3.5, atol=0.02)
    assert len(seen) > 0.95 * 200 * recipe.batch


def test_sources_meet_inside_a_class() -> None:
    """Where a batch has drawings of a class, it has them of both labelled sources."""
    source, _, _, klass = table = three_sources()
    recipe = SamplerRecipe(classes=4, subclasses=2, patents=2, views=2)
    met = [
        len(set(source[batch][klass[batch] == k].tolist()))
        for batch in batches_of(table, recipe, count=100)
        for k in set(klass[batch].tolist()) - {-1}
    ]
    assert np.mean(np.array(met) == 2) > 0.8


def test_a_subclass_that_is_there_already_is_taken_up() -> None:
    """Two sources of the same forty subclasses: without looking, one in five would be shared."""
    rng = np.random.default_rng(0)
    subclass = rng.integers(0, 40, 800)
    source = np.repeat([0, 1], 400)
    batches = mixed_batches(
        source, np.arange(800), subclass, subclass // 5, SOURCES[:2],
        SamplerRecipe(classes=4, subclasses=2, patents=2, views=1, views_cap=1),
        count=60, seed=(0,),
    )  # fmt: skip
    shared = [
        np.isin(subclass[b][source[b] == 1], subclass[b][source[b] == 0]).mean() for b in batches
    ]
    assert np.mean(shared) > 0.7


def test_every_patent_comes_before_any_comes_again() -> None:
    source, patent, _, klass = table = three_sources()
    recipe = SamplerRecipe(classes=8, subclasses=2, patents=2, views=2)
    seen = patent[np.concatenate(batches_of(table, recipe, count=60))]
    for s, views in ((0, 2), (2, 3)):
        times = np.bincount(seen, minlength=patent.max() + 1)[np.unique(patent[source == s])]
        for k in {int(k) for k in klass[source == s]}:
            members = np.unique(patent[(source == s) & (klass == k)])
            count = times[np.searchsorted(np.unique(patent[source == s]), members)]
            assert np.ptp(count) <= views


MIXED: dict[str, Any] = {
    "sources": [
        {"name": "sheets", "share": 2.0},
        {"name": "icons", "views": 1, "loss": 0.5, "holdout": False, "title": "noun",
         "labels": {"subclass": "own"}},
    ],
}  # fmt: skip


@pytest.fixture
def two(designs: Designs, tmp_path: Path) -> list[str]:
    """Two folders of like drawings; the second has nouns."""
    sheets = designs()
    icons = tmp_path / "icons"
    sheets.rename(icons)
    sheets = designs()
    lines = (icons / "metadata.csv").read_text().splitlines()
    with_nouns = [lines[0] + ",noun", *(f"{x},thing {i % 2}" for i, x in enumerate(lines[1:]))]
    (icons / "metadata.csv").write_text("\n".join(with_nouns))
    return [f"sheets={sheets}", f"icons={icons}"]


def test_the_command_line_binds_sources_and_the_recipe_relabels_them(
    two: list[str], tiny: Tiny
) -> None:
    mixture = read_mixture(two, tiny(**MIXED), Skipped())
    assert {record.subclass for record in mixture["sheets"]} == {"00-00", "00-01", "01-00", "01-01"}
    assert {record.subclass for record in mixture["icons"]} == {
        "icons:00-00", "icons:00-01", "icons:01-00", "icons:01-01"
    }  # fmt: skip
    assert {record.klass for record in mixture["icons"]} == {"00", "01"}
    assert {record.title for record in mixture["icons"]} == {"thing 0", "thing 1"}
    plain = read_mixture([two[0].removeprefix("sheets=")], tiny(), Skipped())
    assert list(plain) == [""]


def test_a_source_without_drawings_and_drawings_without_source_are_refused(
    two: list[str], tiny: Tiny, tmp_path: Path
) -> None:
    recipe = tiny(**MIXED)
    with pytest.raises(TrainingError, match="no drawing of icons: give --data icons=SOURCE"):
        read_mixture(two[:1], recipe, Skipped())
    with pytest.raises(TrainingError, match=r"mixes the sources sheets, icons: .* --data sheets="):
        read_mixture([two[0].removeprefix("sheets=")], recipe, Skipped())
    with pytest.raises(TrainingError, match="has no column noun"):
        read_mixture([two[0].replace("sheets=", "icons=")], recipe, Skipped())
    records = read_mixture(two, recipe, Skipped())
    with pytest.raises(TrainingError, match="mixes the sources sheets, icons"):
        train(recipe, records["icons"], tmp_path / "run")


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ({"name": "a", "shares": 2}, r"unknown key sources\.shares: did you mean share"),
        ({"name": "a b"}, "names of letters"),
        ({"name": "a", "share": 0.0}, "share above 0"),
        ({"name": "a", "labels": {"patent": "own"}}, "labels"),
        ({"name": "a", "labels": {"class": "mine"}}, "labels"),
        ({"share": 1.0}, "name"),
    ],
)
def test_mistakes_in_sources_are_named(source: dict[str, Any], complaint: str) -> None:
    with pytest.raises(RecipeError, match=complaint):
        parse_recipe({"model": {"backbone": "x"}, "sources": [source]}, "r")
    with pytest.raises(RecipeError, match="each its own"):
        parse_recipe({"model": {"backbone": "x"}, "sources": [{"name": "a"}] * 2}, "r")


def test_only_those_of_a_source_with_holdout_are_held_out_and_anchors_have_their_weight(
    two: list[str], tiny: Tiny
) -> None:
    # The drawings of both folders are the same: as patents they need names of their own.
    recipe = tiny(**MIXED, loss={"scores": [1.0, 0.7, 0.5, 0.25]})
    mixture = read_mixture(two, recipe, Skipped())
    every = [*mixture["sheets"], *mixture["icons"]]
    source = np.repeat([0, 1], [len(mixture["sheets"]), len(mixture["icons"])])
    icons = [type(r)(**{**_fields(r), "patent_id": "I" + r.patent_id}) for r in mixture["icons"]]
    every[len(mixture["sheets"]) :] = icons
    lessons = Curriculum(recipe, drawing_set(every, 32, Skipped(), source=source))
    assert set(lessons.held.source) == {0}
    labels, weight = lessons.labels()
    assert labels.shape == (len(lessons.training), 4)
    assert torch.equal(weight == 0.5, torch.from_numpy(lessons.training.source == 1))
    name = labels[:, 1].numpy()
    assert (name[lessons.training.source == 0] == -1).all()
    assert set(name[lessons.training.source == 1].tolist()) == {0}  # "thing", numbers left out


def _fields(record: object) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__struct_fields__}  # type: ignore[attr-defined]


def test_a_mixture_trains_and_resumes_to_the_same_weights(
    two: list[str], tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = tiny(**MIXED)
    records = read_mixture(two, recipe, Skipped())
    whole = train(recipe, records, tmp_path / "whole", sources=two)
    assert whole.data.sources == two
    assert whole.recipe == recipe
    with cut_at(4, monkeypatch):
        train(recipe, records, tmp_path / "cut")
    train(recipe, records, tmp_path / "cut", resume=True)
    require_same_weights(whole.folder, tmp_path / "cut")
