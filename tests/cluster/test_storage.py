"""Where shards lie: a folder of this machine, memory, S3."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
from stored import records_of_designs, views_of_designs

from edgepatent_cluster.storage import Place
from edgepatent_runtime.bundle import Bundle
from edgepatent_runtime.collection import Collection
from edgepatent_runtime.errors import ClusterError, InputError
from edgepatent_runtime.shards import Shard

FIRST = Shard(1, 2)


@pytest.fixture(scope="module")
def shard(tiny_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small index."""
    folder = tmp_path_factory.mktemp("made") / FIRST.name
    with Collection.create(folder, tiny_bundle) as collection:
        collection.add_embeddings(records_of_designs(5, 2), views_of_designs(5, 2, 64))
    return folder


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """A bucket of an S3 that is none, on this machine."""
    moto = pytest.importorskip("moto.server", reason="moto[server] is not installed")
    pytest.importorskip("s3fs", reason="s3fs is not installed")
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "nobody")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        fsspec.filesystem("s3").mkdir("designs")
        yield "s3://designs"
        server.stop()


@pytest.fixture(params=["memory", "s3"])
def uri(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A place that does not exist yet."""
    if request.param == "s3":
        return f"{request.getfixturevalue('bucket')}/{tmp_path.name}"
    return f"memory:/{tmp_path}/shards"


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_shard_comes_back_as_it_was_put(uri: str, shard: Path, tmp_path: Path) -> None:
    place = Place(uri)
    assert place.shards() == []
    place.put(shard, FIRST)
    assert Place(uri).shards() == [FIRST]
    found = place.get(FIRST, tmp_path / "cache")
    assert files_of(found) == files_of(shard)
    # Once more, there and back: what is there stays.
    place.put(shard, FIRST)
    assert place.get(FIRST, tmp_path / "cache") == found
    with Collection.open(found) as there:
        assert place.space(FIRST) == there.space


def test_a_shard_whose_catalog_is_missing_is_none(uri: str, shard: Path) -> None:
    place = Place(uri)
    place.put(shard, FIRST)
    files, root = fsspec.core.url_to_fs(uri)
    files.rm_file(f"{root}/{FIRST.name}/catalog.sqlite")
    assert Place(uri).shards() == []
    # What was begun is written over.
    place.put(shard, FIRST)
    assert Place(uri).shards() == [FIRST]


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_in_a_folder_a_shard_is_where_it_lies(scheme: str, shard: Path, tmp_path: Path) -> None:
    place = Place(f"{scheme}{shard.parent}")
    assert place.shards() == [FIRST]
    assert place.get(FIRST, tmp_path) == shard
    assert list(tmp_path.iterdir()) == []


def test_shards_of_several_numbers_are_refused(shard: Path, tmp_path: Path) -> None:
    for one in (FIRST, Shard(3, 3)):
        shutil.copytree(shard, tmp_path / one.name)
    with pytest.raises(InputError, match="holds shards of 2 and of 3"):
        Place(str(tmp_path)).shards()


def test_what_is_no_place_is_said_in_a_line() -> None:
    with pytest.raises(InputError, match="nonsense://there is no place for shards"):
        Place("nonsense://there")


def test_a_disk_without_room_says_so_and_leaves_no_shard(
    uri: str, shard: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    place = Place(uri)
    with monkeypatch.context() as patch:
        patch.setattr(place._files, "put_file", full)
        with pytest.raises(ClusterError, match="No space left on device"):
            place.put(shard, FIRST)
    assert place.shards() == []
    place.put(shard, FIRST)
    with monkeypatch.context() as patch:
        patch.setattr(place._files, "get", full)
        with pytest.raises(ClusterError, match="No space left on device"):
            place.get(FIRST, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []
