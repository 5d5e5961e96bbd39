import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgepatent_train.recipe import SamplerRecipe
from edgepatent_train.sampler import epoch_batches

Ints = npt.NDArray[np.int64]
Table = tuple[Ints, Ints, Ints]


@st.composite
def tables(draw: st.DrawFn) -> Table:
    """Drawings of patents in a hierarchy, some labels unknown, in any order."""
    patents = draw(st.integers(2, 24))
    class_of = draw(st.lists(st.integers(0, 2), min_size=6, max_size=6))
    rows: list[tuple[int, int, int]] = []
    for patent in range(patents):
        subclass = draw(st.integers(-1, 5))
        klass = class_of[subclass] if subclass >= 0 else draw(st.integers(-1, 2))
        rows += [(patent, subclass, klass)] * draw(st.integers(1, 7))
    order = draw(st.permutations(range(len(rows))))
    columns = np.array([rows[i] for i in order], np.int64).T
    return columns[0], columns[1], columns[2]


RECIPES = [
    SamplerRecipe(classes=2, subclasses=2, patents=2, views=2, views_cap=4),
    SamplerRecipe(classes=3, subclasses=1, patents=2, views=3, views_cap=3),
    SamplerRecipe(classes=8, subclasses=4, patents=4, views=2, views_cap=8),
]


@settings(max_examples=80, deadline=None)
@given(tables(), st.sampled_from(RECIPES), st.integers(0, 3))
def test_no_anchor_lacks_a_positive_that_it_could_have(
    table: Table, recipe: SamplerRecipe, epoch: int
) -> None:
    patent, subclass, klass = table
    for batch in epoch_batches(*table, recipe, seed=(0, epoch)):
        p, s, k = patent[batch], subclass[batch], klass[batch]
        for i in range(len(batch)):
            others = np.arange(len(batch)) != i
            assert (others & (p == p[i])).any()
            if s[i] >= 0 and len(set(patent[subclass == s[i]])) > 1:
                assert ((s == s[i]) & (p != p[i])).any()
            if recipe.subclasses > 1 and k[i] >= 0 and len(set(subclass[klass == k[i]])) > 1:
                assert ((k == k[i]) & (s != s[i])).any()


@settings(max_examples=60, deadline=None)
@given(tables(), st.sampled_from(RECIPES))
def test_an_epoch_visits_every_patent_within_the_cap(table: Table, recipe: SamplerRecipe) -> None:
    patent = table[0]
    batches = epoch_batches(*table, recipe, seed=(1, 0))
    seen = np.concatenate(batches)
    for p in np.unique(patent):
        own = np.flatnonzero(patent == p)
        capped = min(len(own), recipe.views_cap)
        assert len(np.intersect1d(seen, own)) >= min(capped, recipe.views)
    for batch in batches:
        assert len(batch) <= recipe.batch
        counts = np.bincount(patent[batch])
        assert set(counts[counts > 0]) == {recipe.views}


def test_views_of_one_patent_are_different_drawings_where_it_has_enough() -> None:
    patent = np.repeat(np.arange(6), 5)
    unknown = np.full(30, -1)
    recipe = SamplerRecipe(classes=2, subclasses=1, patents=2, views=4, views_cap=4)
    for batch in epoch_batches(patent, unknown, unknown, recipe, seed=(0, 0)):
        assert len(set(batch.tolist())) == len(batch)


def test_same_seed_same_batches_another_epoch_others() -> None:
    rng = np.random.default_rng(0)
    subclass = np.repeat(rng.integers(0, 9, 50), 4)
    table = (np.repeat(np.arange(50), 4), subclass, subclass // 3)
    recipe = SamplerRecipe()
    first, again, other = (epoch_batches(*table, recipe, seed=(7, e)) for e in (0, 0, 1))
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    assert any(a.shape != b.shape or (a != b).any() for a, b in zip(first, other, strict=False))


def test_a_patent_with_a_hundred_drawings_does_not_fill_the_epoch() -> None:
    patent = np.concatenate([np.zeros(100, np.int64), np.repeat(np.arange(1, 21), 2)])
    zeros = np.zeros_like(patent)
    batches = epoch_batches(patent, zeros, zeros, SamplerRecipe(views_cap=4), seed=(0, 0))
    assert (patent[np.concatenate(batches)] == 0).mean() < 0.2


@pytest.mark.parametrize("known", [True, False])
def test_a_set_smaller_than_the_batch_gives_one_batch_of_it(known: bool) -> None:
    patent = np.repeat(np.arange(3), 2)
    label = np.zeros(6, np.int64) if known else np.full(6, -1)
    recipe = SamplerRecipe(classes=8, subclasses=8, patents=8, views=2)
    (batch,) = epoch_batches(patent, label, label, recipe, seed=(0, 0))
    assert sorted(batch.tolist()) == list(range(6))


def test_batches_are_full_except_where_the_data_cannot_fill_them() -> None:
    rng = np.random.default_rng(1)
    subclass = np.repeat(rng.integers(0, 12, 200), 3)
    table = (np.repeat(np.arange(200), 3), subclass, subclass // 4)
    recipe = SamplerRecipe(classes=2, subclasses=3, patents=2, views=2)
    sizes = [len(batch) for batch in epoch_batches(*table, recipe, seed=(0, 0))]
    assert np.mean(sizes) > 0.9 * recipe.batch


def test_unlabelled_drawings_are_spread_over_the_batches() -> None:
    """Half of 80 patents of 10 classes lose their labels: 120 drawings, each alone."""
    patent = np.repeat(np.arange(80), 3)
    subclass = patent % 20
    unlabelled = patent % 2 == 1
    patent[unlabelled] = 80 + np.arange(unlabelled.sum())
    subclass[unlabelled] = -1
    klass = np.where(unlabelled, -1, subclass // 2)
    recipe = SamplerRecipe(classes=4, subclasses=1, patents=4, views=2)
    batches = epoch_batches(patent, subclass, klass, recipe, seed=(0, 0))
    share = np.array([unlabelled[batch].mean() for batch in batches])
    assert 0.2 < np.median(share) < 0.9
    assert (share == 1).mean() < 0.3
    assert set(np.flatnonzero(unlabelled)) <= set(np.concatenate(batches).tolist())
