"""What people do with an index gives the same over every store, or is refused in one line."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from questions import QUESTIONS, answered
from stores import STORES, Store
from verbs import Desk, asked, draw_described, page, shown

from edgepatent.commands import doctor
from edgepatent_runtime import Index
from edgepatent_runtime.bundle import Bundle


@pytest.fixture(scope="module")
def drawings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("verbs") / "drawings"
    draw_described(folder)
    return folder


@pytest.fixture(scope="module")
def whole(drawings: Path, tiny_bundle: Bundle) -> Path:
    """An index in one folder, as it was made."""
    return _index(drawings, drawings.with_name("whole"), tiny_bundle)


@pytest.fixture(scope="module")
def expected(whole: Path, drawings: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the command line and the page say of it."""
    home = drawings.with_name("expected")
    return asked(Desk(str(whole), home), drawings), shown(str(whole), home / "page", drawings)


@pytest.fixture(scope="module", params=list(STORES))
def store(
    request: pytest.FixtureRequest,
    whole: Path,
    tiny_bundle: Bundle,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Store]:
    """The same in another store."""
    store = STORES[request.param](tmp_path_factory.mktemp("store") / "index", tiny_bundle)
    store.merge(whole)
    yield store
    store.close()


def _index(drawings: Path, folder: Path, bundle: Bundle) -> Path:
    with Index.create(folder, bundle) as index:
        index.add(drawings, threads=1)
    return folder


def test_the_same_questions_get_the_same_json(store: Store, whole: Path, drawings: Path) -> None:
    with Index.open(whole) as one, Index.open(store.address) as other:
        for question in QUESTIONS:
            wanted = answered(one, question, drawings)
            assert answered(other, question, drawings) == wanted, question
            assert wanted["hits"], question
        assert {one.patent_id for one in other} == {one.patent_id for one in one}
        assert other.info().drawings == one.info().drawings


def test_the_command_line_says_the_same(
    store: Store, expected: tuple[dict[str, Any], ...], drawings: Path, tmp_path: Path
) -> None:
    told = asked(Desk(store.address, tmp_path / "home"), drawings)
    assert told.keys() == expected[0].keys()
    for verb, wanted in expected[0].items():
        assert told[verb] == wanted, verb


def test_the_page_shows_the_same(
    store: Store, expected: tuple[dict[str, Any], ...], drawings: Path, tmp_path: Path
) -> None:
    told = shown(store.address, tmp_path, drawings)
    assert told.keys() == expected[1].keys()
    for part, wanted in expected[1].items():
        assert told[part] == wanted, part


@pytest.fixture(params=list(STORES))
def growing(
    request: pytest.FixtureRequest, whole: Path, tiny_bundle: Bundle, tmp_path: Path
) -> Iterator[Store]:
    """A store of one's own, to add to."""
    store = STORES[request.param](tmp_path / "index", tiny_bundle)
    store.merge(whole)
    yield store
    store.close()


def test_a_watch_tells_what_came_and_nothing_twice(
    growing: Store, drawings: Path, tiny_bundle: Bundle, tmp_path: Path
) -> None:
    desk = Desk(growing.address, tmp_path / "home")
    query = drawings / "P0003" / "view1.png"
    for name, threshold in (("all", "any"), ("alike", "similar")):
        desk.does("watch", "add", name, query, "--index", growing.address, "--threshold", threshold)
    assert desk.says("watch", "run")["designs"] == 0
    draw_described(tmp_path / "new", 5, first=20)
    growing.merge(_index(tmp_path / "new", tmp_path / "more", tiny_bundle))
    found = desk.says("watch", "run", "all")
    assert sorted(hit["patent_id"] for hit in found["watches"][0]["hits"]) == [
        f"P{number:04d}" for number in range(20, 25)
    ]
    assert desk.says("watch", "run", "all")["designs"] == 0
    # What was removed comes no more, and what comes after it does.
    draw_described(tmp_path / "newer", 1, first=30)
    growing.merge(_index(tmp_path / "newer", tmp_path / "most", tiny_bundle))
    found = desk.says("watch", "run", "all")
    assert [hit["patent_id"] for hit in found["watches"][0]["hits"]] == ["P0030"]
    mark = desk.says("watch", "show", "all")["seen"]["generations"][growing.searchable.name]
    since = desk.says("watch", "run", "all", "--since", mark)
    assert since["designs"] == 0
    assert desk.says("watch", "run", "all", "--since", "2020-01-01")["designs"] > 6


def test_what_cannot_be_done_to_a_served_index_is_one_line(
    drawings: Path, whole: Path, tiny_bundle: Bundle, tmp_path: Path
) -> None:
    store = STORES["shards"](tmp_path / "index", tiny_bundle)
    store.merge(whole)
    desk = Desk(store.address, tmp_path / "home")
    of = ("--index", store.address)
    for verb in (
        ("index", "add", drawings, *of),
        ("index", "remove", "P0003", *of),
        ("index", "merge", whole, *of),
        ("index", "rebuild", *of),
        ("index", "verify", *of),
    ):
        assert "can only be asked from here: change and verify its shards" in desk.refuses(*verb)
    assert "only folders are split" in desk.refuses(
        "index", "split", *of, "--shards", 2, "--out", tmp_path / "parts"
    )
    (check,) = doctor._index(store.address)
    assert check.status == "ok"
    assert f"{store.address} (verified where it lies): 36 drawings of 12" in check.detail
    with page(store.address, tmp_path) as client:
        (index,) = client.get("/api/indexes").json()["indexes"]
        assert index["changeable"] is False
        for job in ({"kind": "verify"}, {"kind": "add", "folder": str(drawings)}):
            refused = client.post("/api/indexes/0/jobs", json=job)
            assert refused.status_code == 422
            assert "can only be asked from here" in refused.json()["error"]
    store.close()
