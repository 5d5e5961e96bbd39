"""What is new since a generation or a date, through everything that moves rows."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import numpy as np
import pytest
from stored import records_of_designs, views_of_designs

from edgepatent_runtime.bundle import Bundle
from edgepatent_runtime.collection import Collection
from edgepatent_runtime.errors import InputError
from edgepatent_runtime.filters import Filters, later
from edgepatent_runtime.record import Record

RECORDS, VECTORS = records_of_designs(9, 2), views_of_designs(9, 2, 64)


@pytest.fixture
def collection(tiny_bundle: Bundle, tmp_path: Path) -> Collection:
    made = Collection.create(tmp_path / "index", tiny_bundle)
    yield made  # type: ignore[misc]
    made.close()


def add(collection: Collection, designs: range) -> int:
    """Add designs; the generation that the index is at then."""
    rows = [row for design in designs for row in (2 * design, 2 * design + 1)]
    collection.add_embeddings([RECORDS[row] for row in rows], VECTORS[rows])
    return collection.writer.state.generation


def new(collection: Collection, since: int | str) -> set[int]:
    """The numbers of the designs that came since."""
    with collection.moment() as moment:
        scope = moment.scope(Filters(added=since))
        facts = moment.facts(scope.rows().tolist())
        return {int(one.record.patent_id[1:]) for one in facts.values()}


def test_what_came_after_a_generation(collection: Collection) -> None:
    first, second, third = (add(collection, range(n, n + 3)) for n in (0, 3, 6))
    assert new(collection, 0) == set(range(9))
    assert new(collection, first) == {3, 4, 5, 6, 7, 8}
    assert new(collection, second) == {6, 7, 8}
    assert new(collection, third) == new(collection, third + 99) == set()


def test_what_came_on_a_day_or_later(collection: Collection) -> None:
    add(collection, range(3))
    today = datetime.now(UTC).date()
    assert new(collection, (today - timedelta(days=1)).isoformat()) == {0, 1, 2}
    assert new(collection, (today + timedelta(days=1)).isoformat()) == set()


def test_generations_of_shards_are_none_of_one_index(collection: Collection) -> None:
    add(collection, range(3))
    added = Filters.read(added="12+7").added
    assert added == "12+7"
    with pytest.raises(InputError, match=r"12\+7 are generations of shards"):
        new(collection, "12+7")
    with pytest.raises(InputError, match="not a date"):
        Filters.read(added="12+")


def test_what_two_have_seen_is_the_later_of_each_shard() -> None:
    assert later(3, 5) == later(5, 3) == 5
    assert later("3+9", "5+2") == "5+9"
    # Of as many shards as there are now.
    assert later("3+9", "1+1+1") == "1+1+1"
    assert later(12, "3+9") == "3+9"


def test_compaction_moves_the_boundaries_with_the_rows(collection: Collection) -> None:
    first, second = add(collection, range(4)), add(collection, range(4, 9))
    collection.remove(Filters(patents=("D000000", "D000002", "D000005")))
    collection.compact()
    assert new(collection, first) == {4, 6, 7, 8}
    assert new(collection, second) == set()
    third = collection.writer.state.generation
    add(collection, range(1))
    assert new(collection, third) == {0}
    assert new(collection, first) == {0, 4, 6, 7, 8}


def test_another_drawing_of_a_known_design_is_not_a_new_design(collection: Collection) -> None:
    first = add(collection, range(3))
    later: Record = msgspec.structs.replace(
        RECORDS[0], image=msgspec.structs.replace(RECORDS[0].image, path="later.png")
    )
    collection.add_embeddings([later], VECTORS[:1])
    assert new(collection, first) == set()


def test_only_commits_that_bring_rows_are_remembered(collection: Collection) -> None:
    add(collection, range(2))
    collection.remove(Filters(patents=("D000000",)))
    add(collection, range(1, 2))
    with collection.reading() as (catalog, _):
        rows = [rows for (rows,) in catalog.sql.execute("SELECT rows FROM history")]
    assert rows == [0, 4]


def test_a_filter_by_what_is_new_ranks_only_that(collection: Collection) -> None:
    from edgepatent_runtime.search import ranking

    first = add(collection, range(5))
    add(collection, range(5, 9))
    answer = ranking.search([collection], VECTORS[:1], filters=Filters(added=first))
    assert answer.searched == 8
    assert {hit.patent_id for hit in answer.hits} == {f"D00000{n}" for n in range(5, 9)}
    assert np.isfinite([hit.score for hit in answer.hits]).all()
