"""Designs by number: families, seeds, siblings, references, records, pages."""

import hashlib
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgepatent_runtime import locarno
from edgepatent_runtime.errors import SourceError
from edgepatent_runtime.record import Record, Skipped
from edgepatent_runtime.sources import load, open_source, read_page
from edgepatent_synthetic import render
from edgepatent_synthetic.design import Catalogue
from edgepatent_synthetic.draw import Draw
from edgepatent_synthetic.families import FAMILIES
from edgepatent_synthetic.mesh import Mesh
from edgepatent_synthetic.reference import Reference


def records(spec: str) -> list[Record]:
    skipped = Skipped()
    found = list(open_source(spec).records(skipped))
    assert not len(skipped)
    return found


def shape(mesh: Mesh) -> str:
    return hashlib.sha256(mesh.vertices.tobytes() + mesh.faces.tobytes()).hexdigest()


def test_families_are_of_many_known_locarno_subclasses() -> None:
    codes = {family.locarno for family in FAMILIES if family.locarno}
    assert all(locarno.is_known(code) for code in codes)
    assert len(codes) >= 40
    assert len({locarno.klass(code) for code in codes}) >= 15
    assert len({family.name for family in FAMILIES}) == len(FAMILIES)


@pytest.mark.parametrize("number", range(len(FAMILIES)), ids=lambda n: FAMILIES[n].name)
def test_every_family_builds_sound_meshes_and_draws_them(number: int) -> None:
    for turn in range(4):
        mesh = FAMILIES[number].build(Draw(3, number, turn))
        assert np.isfinite(mesh.vertices).all()
        assert len(mesh.faces) < 1 << 20
        assert len(mesh.part) == len(mesh.surface) == len(mesh.broken) == len(mesh.faces)
    page = render(f"synthetic:seed=3,design={number},view=0")
    assert page.dtype == np.uint8
    assert page.ndim == 2
    assert 0.004 < (page < 250).mean() < 0.5


def test_the_seed_changes_designs_never_families() -> None:
    one, two = Catalogue(1), Catalogue(2)
    for number in range(0, 3 * len(FAMILIES), 7):
        assert one.family(number) is two.family(number)
        assert shape(one.design(number).mesh) != shape(two.design(number).mesh)


def test_designs_are_all_different() -> None:
    catalogue = Catalogue(5)
    shapes = {shape(catalogue.design(number).mesh) for number in range(400)}
    far = {shape(catalogue.design(number).mesh) for number in range(300_000, 300_050)}
    # A draw or two may coincide in families with few parameters.
    assert len(shapes | far) >= 449


def test_siblings_resemble_each_other_more_than_other_designs_do() -> None:
    catalogue, kinds = Catalogue(4), len(FAMILIES)
    nearer = 0
    numbers = range(0, kinds, 3)
    for number in numbers:
        first, sibling, other = (
            load_first_view(catalogue, number + turn * kinds) for turn in (2, 3, 4)
        )
        nearer += np.abs(first - sibling).mean() <= np.abs(first - other).mean()
    assert nearer > 0.75 * len(numbers)


def load_first_view(catalogue: Catalogue, number: int) -> np.ndarray:
    from edgepatent_runtime.drawing import normalise

    page = render(f"synthetic:seed={catalogue.seed},design={number},view=1")
    return normalise(page, 32).astype(np.float64)


def test_the_same_page_comes_from_another_process() -> None:
    names = [f"synthetic:seed=9,design={n},view={n % 5},figures=3" for n in range(0, 40, 5)]
    code = (
        "import hashlib; from edgepatent_synthetic import render\n"
        f"for n in {names!r}: print(hashlib.sha256(render(n).tobytes()).hexdigest())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    # Drawn in another order, too: no page may depend on what was drawn before.
    here = {n: hashlib.sha256(render(n).tobytes()).hexdigest() for n in reversed(names)}
    assert done.stdout.split() == [here[n] for n in names]


def test_records_describe_each_view_of_each_design() -> None:
    found = records("synthetic:designs=3,seed=7,views=4,first=11")
    assert len(found) == 12
    assert len({r.patent_id for r in found}) == 3
    first = found[0]
    assert first.patent_id == "SYN7-000011"
    assert first.title == FAMILIES[11].name
    assert (first.locarno, first.subclass) == (FAMILIES[11].locarno, FAMILIES[11].locarno)
    assert first.klass == str(FAMILIES[11].locarno)[:2]
    assert [r.figure for r in found[:4]] == ["1", "2", "3", "4"]
    assert [r.view for r in found[:3]] == ["perspective view", "front view", "right side view"]
    assert first.date is not None
    assert len(first.date) == 10
    assert len({str(r.image) for r in found}) == 12
    assert (read_page(first.image) == render(first.image.path)).all()
    assert load(first.image, 96).shape == (96, 96)


def test_more_views_only_add_to_fewer() -> None:
    few = [r.image.path for r in records("synthetic:designs=2,seed=7,views=2")]
    many = [r.image.path for r in records("synthetic:designs=2,seed=7,views=9")]
    assert few == many[:2] + many[9:11]
    assert len({r.view for r in records("synthetic:designs=1,views=9")}) == 9


def test_sheets_hold_several_figures_and_say_which() -> None:
    found = records("synthetic:designs=40,seed=7,views=6,figures=3")
    numbers = [r.figure for r in found if r.patent_id == found[0].patent_id]
    assert sorted({n.count(",") + 1 for r in found if (n := r.figure)}) == [1, 2, 3]
    assert ", ".join(str(n) for n in numbers).split(", ")[:6] == list("123456")
    double = next(r for r in found if r.figure == "1, 2")
    assert double.view == "perspective view, front view"
    single = Reference.parse(double.image.path)
    alone = render(str(Reference(single.seed, single.design, 0)))
    assert render(double.image.path).shape != alone.shape


def test_captions_can_be_left_out() -> None:
    with_captions = records("synthetic:designs=4,seed=7,views=1")
    without = records("synthetic:designs=4,seed=7,views=1,captions=0")
    pairs = [
        (render(a.image.path), render(b.image.path))
        for a, b in zip(with_captions, without, strict=True)
    ]
    assert all(np.sum(bare < 128) < np.sum(full < 128) for full, bare in pairs)


@given(
    st.integers(0, 10**9),
    st.integers(0, 10**9),
    st.integers(0, 30),
    st.integers(1, 4096),
    st.integers(1, 3),
    st.one_of(st.none(), st.text(min_size=1).filter(lambda t: "=" not in t)),
    st.integers(0, 1),
    st.integers(1, 30),
)
def test_references_survive_being_written(
    seed: int,
    design: int,
    view: int,
    size: int,
    figures: int,
    folder: str | None,
    captions: int,
    photograph: int,
) -> None:
    reference = Reference(seed, design, view, size, figures, folder, captions)
    assert Reference.parse(str(reference)) == reference
    taken = Reference(seed, design, 0, size, folder=folder, photograph=photograph)
    assert Reference.parse(str(taken)) == taken


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("synthetic:designs=many", "designs must be a whole number"),
        ("synthetic:design=3", "no setting 'design'"),
        ("synthetic:chairs", "cannot read 'chairs'"),
        ("synthetic:designs=-3", "whole number"),
        ("synthetic:size=0", "between 1 and 4096"),
        ("synthetic:figures=9", "between 1 and 3"),
        ("synthetic:seed=" + "9" * 40, "whole number"),
        ("meshes:", "names no folder"),
        ("meshes:/nowhere/at/all", "cannot be read"),
    ],
)
def test_a_bad_spec_is_one_clear_line(spec: str, says: str) -> None:
    with pytest.raises(SourceError, match=says) as caught:
        list(open_source(spec).records(Skipped()))
    assert "\n" not in str(caught.value)


def test_draws_are_uniform_and_siblings_share_what_is_discrete() -> None:
    draw = Draw(1, 2, 3)
    values = [draw.real(2, 4) for _ in range(2000)]
    assert min(values) >= 2
    assert max(values) <= 4
    assert np.mean(values) == pytest.approx(3, abs=0.05)
    assert {draw.whole(1, 3) for _ in range(50)} == {1, 2, 3}
    first, second = Draw(5, 6), Draw(5, 6, sibling=1)
    for _ in range(50):
        assert first.choice("abcdef") == second.choice("abcdef")
        assert first.chance(0.5) == second.chance(0.5)
        assert abs(first.real(0, 1) - second.real(0, 1)) <= 0.22
