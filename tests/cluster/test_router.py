"""A sharded index, without the engine: messages, what is joined, and what goes wrong."""

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import msgspec
import numpy as np
import pytest
from bundles import write_tiny_bundle
from questions import QUESTIONS, answered, bare
from ray_front import answering
from stored import records_of_designs, views_of_designs
from verbs import page

from edgepatent_cluster import calls, serving, shard
from edgepatent_cluster.joining import STRIDE
from edgepatent_cluster.remote import Remote
from edgepatent_cluster.router import Router
from edgepatent_cluster.shard import Shard
from edgepatent_cluster.storage import Place
from edgepatent_cluster.store import RayStore
from edgepatent_runtime import Index, shards
from edgepatent_runtime.bundle import Bundle
from edgepatent_runtime.collection import Collection
from edgepatent_runtime.errors import (
    ClusterError,
    CollectionError,
    EdgepatentError,
    InputError,
    MissingExtraError,
    SpaceMismatchError,
)
from edgepatent_runtime.filters import Filters
from edgepatent_runtime.record import ImageRef
from edgepatent_runtime.search import ranking
from edgepatent_runtime.search.reader import Reader
from edgepatent_runtime.search.request import Request

Send = Callable[[bytes], bytes]
OF, PATENTS = 3, 24


@pytest.fixture(scope="module")
def parts(whole: Path) -> Path:
    """The same in shards."""
    shards.split(whole, whole.with_name("shards"), OF)
    return whole.with_name("shards")


@pytest.fixture
def holders(parts: Path) -> Iterator[list[Shard]]:
    opened = [Collection.open(path) for path in sorted(parts.iterdir())]
    held = [Shard(one) for one in opened]
    yield held
    for one in (*held, *opened):
        one.close()


def routed(holders: list[Shard]) -> Router:
    return Router([partial(_start, one.answer) for one in holders])


def reader(holders: list[Shard]) -> Reader:
    return Reader([Remote("ray://here/index", routed(holders).answer)])


def _start(send: Send, data: bytes) -> Callable[[], bytes]:
    return lambda: send(data)


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_same_questions_get_the_same_json(
    question: str, whole: Path, drawings: Path, holders: list[Shard]
) -> None:
    with Index.open(whole) as index, reader(holders) as many:
        expected = answered(index, question, drawings)
        assert answered(many, question, drawings) == expected
    assert expected["hits"]


def test_lookups_facets_and_kinds_are_those_of_the_whole(whole: Path, holders: list[Shard]) -> None:
    with Index.open(whole) as index, reader(holders) as many:
        assert len(many) == len(index)
        assert {one.patent_id for one in many} == {one.patent_id for one in index}
        mine, theirs = many["P0003"], index["P0003"]
        assert [one.path for one in mine.drawings] == [one.path for one in theirs.drawings]
        assert mine.drawings[1].thumbnail() == theirs.drawings[1].thumbnail() is not None
        found = [one.facets(Request(like="P0003")) for one in (many, index)]
        assert [list(one.indexes.values()) for one in found] == [[PATENTS], [PATENTS]]
        assert found[0].years == found[1].years
        assert many.bundle.info == index.bundle.info


def test_a_call_that_is_none_is_refused(holders: list[Shard]) -> None:
    router = routed(holders)
    for send in (holders[0].answer, router.answer):
        for data in (b"", b"\xc1", b"\x93\x01\x02\x03", msgspec.msgpack.encode({"call": 1})):
            answer = calls.decode(send(data), calls.Answer)
            assert answer.refused == "CollectionError"
    remote = Remote("ray://here/index", router.answer)
    for rows in ([-1], [OF * STRIDE], [STRIDE - 1]):
        with remote.moment() as moment, pytest.raises(EdgepatentError):
            moment.embeddings(np.array(rows))
    assert remote.thumbnail(-5, ImageRef("a.png")) is None
    assert remote.thumbnail(OF * STRIDE, ImageRef("a.png")) is None


NO_ARRAYS = (
    ["<f8", [1], b"12345678"],
    ["<f4", [3], b"1234"],
    ["<f4", [-1, 2], b"12"],
    ["|O", [1], b""],
    3,
)


@pytest.mark.parametrize("array", NO_ARRAYS)
def test_an_array_that_is_none_is_refused(array: object) -> None:
    with pytest.raises(CollectionError, match="no message of a cluster"):
        calls.decode(msgspec.msgpack.encode(array), calls.Array)


def test_another_version_is_named_on_either_side(holders: list[Shard]) -> None:
    router = routed(holders)
    newer = calls.encode(calls.Asked(calls.PROTOCOL + 1, "", (), calls.Counts()))
    # With a call that nobody here knows.
    later = msgspec.msgpack.encode({"protocol": calls.PROTOCOL + 1, "call": {"type": "Later"}})
    for send in (holders[0].answer, router.answer):
        for data in (newer, later):
            answer = calls.decode(send(data), calls.Answer)
            with pytest.raises(CollectionError, match="install the same edgepatent on both sides"):
                calls.opened(answer, calls.Counts())

    def older(data: bytes) -> bytes:
        known = calls.Known(calls.PROTOCOL + 1, "space", 64, 3, None)
        return calls.encode(calls.Answer((), msgspec.Raw(calls.encode(known))))

    with pytest.raises(CollectionError, match="speaks version 4, this edgepatent version 3"):
        Remote("ray://here/index", older)


def test_errors_arrive_as_what_they_were(holders: list[Shard]) -> None:
    for error in (InputError("a"), ClusterError("b"), MissingExtraError("c", "ray")):
        with pytest.raises(type(error)) as caught:
            calls.opened(calls.refusal(error), calls.Counts())
        assert str(caught.value) == str(error)
    strange = calls.Answer((), msgspec.Raw(calls.encode("d")), "SystemExit")
    with pytest.raises(CollectionError, match="d"):
        calls.opened(strange, calls.Counts())


def test_shards_of_two_models_are_not_served_together(holders: list[Shard], tmp_path: Path) -> None:
    another = write_tiny_bundle(tmp_path / "bundle", seed=5)
    with (
        Collection.create(tmp_path / "other", another) as other,
        pytest.raises(SpaceMismatchError, match="shard 4 of 4 is of another model"),
    ):
        routed([*holders, Shard(other)])


def test_another_model_that_takes_the_place_of_a_shard_or_of_all_is_named(
    holders: list[Shard], tmp_path: Path
) -> None:
    """As when a replica is started again, over a folder that was changed."""
    place = [*holders]
    served = Router([partial(_start, lambda data, at=at: place[at].answer(data)) for at in (0, 1)])
    remote = Remote("ray://here/index", lambda data: served.answer(data))
    other = write_tiny_bundle(tmp_path / "bundle", seed=5)
    with Collection.create(tmp_path / "other", other) as changed:
        place[1] = Shard(changed)
        with remote.moment() as moment, pytest.raises(SpaceMismatchError, match="other is of ano"):
            moment.counts()
        served = routed([Shard(changed)])
        with remote.moment() as moment, pytest.raises(SpaceMismatchError, match="open the index"):
            moment.counts()


def test_a_shard_that_does_not_answer_fails_the_question_and_no_other(
    holders: list[Shard],
) -> None:
    cut = False

    def start(place: int, data: bytes) -> Callable[[], bytes]:
        def wait() -> bytes:
            if cut and place == 1:
                raise ClusterError("shard 2 does not answer")
            return holders[place].answer(data)

        return wait

    router = Router([partial(start, place) for place in range(OF)])
    remote = Remote("ray://here/index", router.answer)
    query = views_of_designs(1, 1, 64)
    before = ranking.search([remote], query)
    cut = True
    with pytest.raises(ClusterError, match="shard 2 does not answer"):
        ranking.search([remote], query)
    cut = False
    again = ranking.search([remote], query)
    assert [hit.patent_id for hit in again.hits] == [hit.patent_id for hit in before.hits]


def test_generations_are_no_common_measure(holders: list[Shard]) -> None:
    remote = Remote("ray://here/index", routed(holders).answer)
    with remote.moment() as moment:
        with pytest.raises(InputError, match="say --added DATE"):
            _ = moment.scope(Filters(added=3)).size
        assert moment.scope(Filters(added="2001-01-01")).size == PATENTS * 3
        assert moment.scope(Filters(added=0)).size == PATENTS * 3
        assert moment.scope(Filters(added="0+0+0")).size == PATENTS * 3
        assert moment.scope(Filters(added=moment.mark)).size == 0
        for added in ("1+2", "1+2+3+4"):
            with pytest.raises(InputError, match="and 3 are served now: say --added DATE"):
                _ = moment.scope(Filters(added=added)).size


def test_a_moment_is_kept_for_a_while_and_then_let_go(
    tiny_bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records, embeddings = records_of_designs(6, 1), views_of_designs(6, 1, 64)
    with Collection.create(tmp_path / "index", tiny_bundle) as writer:
        writer.add_embeddings(records[:3], embeddings[:3])
        with Collection.open(tmp_path / "index") as store:
            held = Shard(store)
            remote = Remote("ray://here/index", Router([partial(_start, held.answer)]).answer)
            with remote.moment() as moment:
                assert moment.counts() == (3, 3)
                writer.add_embeddings(records[3:], embeddings[3:])
                assert moment.counts() == (3, 3)
                monkeypatch.setattr(shard, "LEASE_S", -1.0)
                with remote.moment() as other:
                    assert other.counts() == (6, 6)
                held._kept[min(held._kept)].until = 0.0
                held._tidy()
                with pytest.raises(CollectionError, match="has changed while it was asked"):
                    moment.counts()
            held.close()


class _Response:
    """What comes of a call: an answer, or an error each time it is asked for."""

    def __init__(self, value: bytes | Exception) -> None:
        self.value = value

    def result(self, timeout_s: float) -> bytes:
        if isinstance(self.value, Exception):
            raise self.value
        return self.value


def test_a_replica_that_dies_costs_time_and_no_answer() -> None:
    sent = iter([_Response(ConnectionError("gone")), _Response(TimeoutError()), _Response(b"yes")])
    wait = serving.ask("shard", lambda data: next(sent), (ConnectionError, TimeoutError), b"")
    assert wait() == b"yes"


def test_nobody_who_answers_is_an_error_that_says_what_to_do() -> None:
    def send(data: bytes) -> _Response:
        return _Response(ConnectionError("gone"))

    wait = serving.ask("shard-00002-of-00003", send, (ConnectionError,), b"", patience_s=0.2)
    with pytest.raises(ClusterError, match=r"shard-00002-of-00003 does not answer \(gone\): see"):
        wait()
    broken = serving.ask("shard", lambda _: _Response(KeyError("bug")), (ConnectionError,), b"")
    with pytest.raises(KeyError):
        broken()


def test_shards_that_are_missing_are_named(parts: Path, tmp_path: Path) -> None:
    assert [one.number for one in serving.whole(Place(str(parts)))] == [1, 2, 3]
    with pytest.raises(InputError, match="there are no shards in"):
        serving.whole(Place(str(tmp_path)))
    shutil.copytree(parts / shards.Shard(2, OF).name, tmp_path / shards.Shard(2, OF).name)
    with pytest.raises(InputError, match="lacks shard 1/3 and 1 more"):
        serving.whole(Place(str(tmp_path)))


# -- over HTTP


@pytest.fixture
def address(holders: list[Shard]) -> Iterator[str]:
    """Where a front answers."""
    with answering(routed(holders).answer) as address:
        yield address


def test_an_address_is_opened_and_searched(address: str, whole: Path, drawings: Path) -> None:
    with Index.open(address) as index, Index.open(whole) as one:
        assert index.name == address
        expected = answered(one, "one view", drawings)
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda _: answered(index, "one view", drawings), range(8)))
        assert all(one == expected for one in found)
        with pytest.raises(InputError, match="can only be asked from here"):
            index.remove(["P0001"])


def test_connections_that_were_closed_meanwhile_are_made_anew(address: str) -> None:
    store = RayStore(address)
    with store.moment() as moment:
        before = moment.counts()
    for one in store._idle:
        assert one.sock is not None
        one.sock.shutdown(2)
    with store.moment() as moment:
        assert moment.counts() == before
    store.close()


def test_a_page_stays_open_while_the_front_is_away(
    holders: list[Shard], drawings: Path, tmp_path: Path
) -> None:
    answer = routed(holders).answer
    other = write_tiny_bundle(tmp_path / "bundle", seed=5)
    with ExitStack() as stack:
        front = ExitStack()
        address = front.enter_context(answering(answer))
        port = int(address.rpartition(":")[2].partition("/")[0])
        client = stack.enter_context(page(address, tmp_path / "matters"))
        image = client.post("/api/images", content=(drawings / "P0003/view1.png").read_bytes())
        searched = f"/api/search?image={image.json()['id']}"
        before = bare(client.get(searched).json())
        front.close()
        for path in (searched, "/api/indexes", "/api/designs/P0003", "/api/drawings/0/P0003/1.png"):
            gone = client.get(path)
            assert gone.status_code == 503
            assert "cannot be reached" in gone.json()["error"]
            assert "\n" not in gone.json()["error"]
        # What comes back is of another model, and empty: it is opened again, not asked as it was.
        changed = stack.enter_context(Collection.create(tmp_path / "other", other))
        with answering(routed([Shard(changed)]).answer, port):
            strange = client.get(searched)
            assert strange.status_code == 409
            assert "nothing is indexed in ray://" in strange.json()["error"]
        with answering(answer, port):
            assert bare(client.get(searched).json()) == before


def test_what_is_not_there_is_said_in_a_line(address: str, tiny_bundle: Bundle) -> None:
    for wrong in ("ray://", "ray://host", "ray://host:99999/a", "ray://host:8000/", "ray://a/b/c"):
        with pytest.raises(InputError, match="is no address of an index"):
            RayStore(wrong)
    other = address.replace("/index", "/other")
    with pytest.raises(CollectionError, match="there is no index ray://"):
        Index.open(other)
    assert not RayStore.exists(other)
    with pytest.raises(InputError, match="can be searched, not made"):
        Index.ready(other, tiny_bundle)
    with pytest.raises(ClusterError, match=r"cannot be reached .* edgepatent cluster serve runs"):
        Index.open("ray://127.0.0.1:1/index")
