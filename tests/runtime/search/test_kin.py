"""``kin``: from the same design to others of its kind, for models that tell the two apart."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest
from bundles import write_tiny_bundle
from stored import records_of_designs

from edgepatent_runtime.bundle import Bundle, BundleInfo, Part, write_info
from edgepatent_runtime.collection import Collection
from edgepatent_runtime.errors import InputError
from edgepatent_runtime.index import Index
from edgepatent_runtime.search.asking import balance
from edgepatent_runtime.search.request import Request

DESIGNS, DIMENSIONS, KIN, W = 60, 64, 24, 0.3
Floats = np.ndarray


def unit(rows: Floats) -> Floats:
    found: Floats = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return found


@pytest.fixture(scope="module")
def places() -> Floats:
    """Which dimensions are the kin's: anywhere, in any order."""
    return np.random.default_rng(3).permutation(DIMENSIONS)


@pytest.fixture(scope="module")
def parts() -> tuple[Floats, Floats]:
    """What each design is in either part, unit vectors [N, …]."""
    rng = np.random.default_rng(4)
    kin, twin = (unit(rng.normal(size=(DESIGNS, d))) for d in (KIN, DIMENSIONS - KIN))
    return kin, twin


@pytest.fixture(scope="module")
def index(
    places: Floats, parts: tuple[Floats, Floats], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Index]:
    folder = tmp_path_factory.mktemp("kin")
    bundle = write_tiny_bundle(folder / "model")
    apart = {
        "kin": Part(sorted(places[:KIN].tolist()), W),
        "twin": Part(sorted(places[KIN:].tolist()), 1 - W),
    }
    write_info(folder / "model", msgspec.structs.replace(bundle.info, parts=apart))
    model = Bundle(folder / "model")
    with Collection.create(folder / "index", model) as collection:
        collection.add_embeddings(records_of_designs(DESIGNS, 1), embedded(parts, model.info))
    with Index.open(folder / "index") as opened:
        yield opened


def embedded(parts: tuple[Floats, Floats], info: BundleInfo) -> Floats:
    z = np.zeros((len(parts[0]), info.dimensions), np.float32)
    for part, name in zip(parts, ("kin", "twin"), strict=True):
        z[:, info.parts[name].dimensions] = np.sqrt(info.parts[name].weight) * part
    return z


@pytest.mark.parametrize("kin", [0.0, 0.2, W, 1.0])
def test_scores_are_the_weighed_cosines_of_the_parts(
    index: Index, parts: tuple[Floats, Floats], kin: float
) -> None:
    query = tuple(unit(part[7:8] + 0.4 * part[8:9]) for part in parts)
    found = index.search(embedded(query, index.bundle.info)[0], top=5, kin=kin)  # type: ignore[arg-type]
    cosines = [(mine @ theirs.T)[0] for mine, theirs in zip(query, parts, strict=True)]
    wanted = kin * cosines[0] + (1 - kin) * cosines[1]
    best = np.argsort(-wanted)[:5]
    assert [hit.patent_id for hit in found] == [
        records_of_designs(DESIGNS, 1)[i].patent_id for i in best
    ]
    assert [hit.score for hit in found] == pytest.approx(wanted[best], abs=0.01)


def test_the_models_own_weight_is_what_it_finds_without(
    index: Index, parts: tuple[Floats, Floats]
) -> None:
    view = embedded(parts, index.bundle.info)[11]
    plain, same = index.search(view), index.search(view, kin=W)
    assert [hit.patent_id for hit in plain] == [hit.patent_id for hit in same]
    assert [hit.score for hit in plain] == pytest.approx([hit.score for hit in same], abs=1e-5)
    kinder = index.search(view, kin=1.0)
    assert [hit.patent_id for hit in plain] != [hit.patent_id for hit in kinder]


def test_no_cosine_is_more_than_one(index: Index, parts: tuple[Floats, Floats]) -> None:
    """Rows are rounded to int8: some lie further out than what they were rounded from."""
    queries = embedded(parts, index.bundle.info)
    found = [index.search(query, top=1, kin=1.0) for query in queries]
    scores = [hit.score for result in found for hit in (*result, *result[0].drawings)]
    assert max(scores) == 1.0
    assert min(scores) > 0.99


def test_a_model_of_one_part_says_so(tiny_bundle: Bundle) -> None:
    with pytest.raises(InputError, match="does not tell kin from twins"):
        balance(tiny_bundle.info, 0.5)


def test_parts_that_are_not_the_embedding_are_not_weighed(tmp_path: Path) -> None:
    info = write_tiny_bundle(tmp_path / "model").info
    strange = {"kin": Part([0, 1, 1 << 16], 0.5), "twin": Part([2, 3], 0.5)}
    with pytest.raises(InputError, match="does not tell"):
        balance(msgspec.structs.replace(info, parts=strange), 0.5)


def test_kin_goes_from_0_to_1_and_with_images() -> None:
    for wrong in (-0.1, 1.1, float("nan")):
        with pytest.raises(InputError, match="kin goes from 0"):
            Request(like="P0003", kin=wrong)
    words = Request(text="chair", kin=0.5).contradiction()
    assert words is not None
    assert "--kin" in words
