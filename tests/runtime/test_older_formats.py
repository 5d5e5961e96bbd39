"""Indexes that earlier versions made go on working, and are brought up to date by a writer."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from stored import bibliography_of, records_of_designs, views_of_designs

from edgepatent_runtime.bundle import Bundle
from edgepatent_runtime.collection import Collection
from edgepatent_runtime.collection.connection import NAME
from edgepatent_runtime.filters import Filters
from edgepatent_runtime.index import Index
from edgepatent_runtime.patent_id import canonical
from edgepatent_runtime.record import NO_BIBLIOGRAPHY, Record

DESIGNS = 8


def records(*, known: bool) -> list[Record]:
    bare = [
        msgspec.structs.replace(one, patent_id=canonical(one.patent_id))
        for one in records_of_designs(DESIGNS, 1)
    ]
    if known:
        return bare
    return [msgspec.structs.replace(one, bibliography=NO_BIBLIOGRAPHY) for one in bare]


@pytest.fixture
def old(tiny_bundle: Bundle, tmp_path: Path) -> Path:
    """An index of the first format."""
    folder = tmp_path / "index"
    with Collection.create(folder, tiny_bundle) as collection:
        collection.add_embeddings(records(known=False), views_of_designs(DESIGNS, 1, 64))
    with closing(sqlite3.connect(folder / NAME)) as sql:
        sql.execute("DROP TABLE terms")
        sql.execute("DROP TABLE bibliographies")
        sql.execute("DROP TABLE history")
        sql.execute("PRAGMA user_version = 1")
    return folder


def found(index: Index, **filters: object) -> list[str]:
    return sorted(hit.patent_id for hit in index.search(text="chair", top=50, **filters))  # type: ignore[arg-type]


def test_an_old_index_is_read_as_it_is(old: Path) -> None:
    before = (old / NAME).read_bytes()
    with Index.open(old) as index:
        assert len(found(index)) == DESIGNS
        assert found(index, applicants=["acme"]) == []
        assert found(index, families=["D000003"]) == ["USD0000003"]
        assert index["D000001"].bibliography == NO_BIBLIOGRAPHY
        assert index.verify() == [] or "written" in index.verify()[0].what
    assert (old / NAME).read_bytes() == before


def test_adding_again_brings_it_up_to_date_under_an_open_reader(old: Path) -> None:
    with Index.open(old) as index:
        assert len(found(index)) == DESIGNS
        with Collection.open(old, write=True) as collection:
            collection.add_embeddings(records(known=True), views_of_designs(DESIGNS, 1, 64))
        assert index["D000001"].bibliography == bibliography_of(1)
        assert found(index, applicants=["acme"]) == [f"USD000000{n}" for n in (0, 1, 4, 5)]
        assert found(index, families=["D000000"]) == ["USD0000000", "USD0000001"]
        assert found(index, uspc=["D6/334.1"]) == [f"USD000000{n}" for n in range(0, DESIGNS, 2)]


def test_what_was_there_before_there_was_a_history_is_not_new(old: Path) -> None:
    with Index.open(old) as index:
        assert found(index, added="2001-01-01") == []
        assert found(index, added=index.info().generation) == []
        assert len(found(index, added=0)) == DESIGNS


def test_facts_go_with_their_patent_and_are_completed_never_lost(old: Path) -> None:
    vectors = views_of_designs(DESIGNS, 1, 64)
    with Collection.open(old, write=True) as collection:
        collection.add_embeddings(records(known=True), vectors)
        collection.add_embeddings(records(known=False), vectors)
        collection.remove(Filters(countries=("DE",)))
        with collection.reading() as (known, _):
            assert known.sql.execute("SELECT count(*) FROM bibliographies").fetchone() == (5,)
            assert known.sql.execute("SELECT count(DISTINCT patent) FROM terms").fetchone() == (5,)
    with Index.open(old) as index:
        assert index["D000001"].bibliography == bibliography_of(1)
        assert "D000000" not in index


def test_a_merge_takes_the_facts_along(old: Path, tiny_bundle: Bundle, tmp_path: Path) -> None:
    with Collection.open(old, write=True) as collection:
        collection.add_embeddings(records(known=True), views_of_designs(DESIGNS, 1, 64))
    with Index.create(tmp_path / "other", tiny_bundle) as other, Index.open(old) as index:
        other.merge(index)
        assert other["D000005"].bibliography == bibliography_of(5)
    shutil.rmtree(old)
