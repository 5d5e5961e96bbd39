"""An index that gets another model while its page is open: the page goes on with the new one."""

import asyncio
import shutil
from pathlib import Path

import httpx2 as httpx
import pytest
from bundles import write_tiny_bundle
from page_server import serving

from edgepatent.web.desk import Desk
from edgepatent_runtime.errors import SpaceMismatchError
from edgepatent_runtime.index import Index


@pytest.fixture
def own(index: Path, tmp_path: Path) -> Path:
    """A copy of the index that a test may change."""
    return shutil.copytree(index, tmp_path / "own")


def test_another_model_is_opened_by_itself(own: Path, query: Path, tmp_path: Path) -> None:
    other = write_tiny_bundle(tmp_path / "other", size=48, dimensions=32, seed=1)
    with (
        serving(own, tmp_path) as server,
        httpx.Client(base_url=server.root, headers=server.bearer, timeout=120) as client,
    ):
        sent = client.post("/api/images", content=query.read_bytes()).json()["id"]
        address = f"/api/search?image={sent}&whole=1"
        first = client.get(address).json()
        with Index.open(own) as writer:
            writer.rebuild(other, threads=1)
        again = client.get(address)
        assert again.status_code == 200, again.text
        with Index.open(own) as opened:
            expected = [hit.patent_id for hit in opened.search(query, whole=True, top=20).hits]
        assert [hit["patent_id"] for hit in again.json()["hits"]] == expected
        assert again.json()["space"] == other.info.space != first["space"]
        hit = again.json()["hits"][0]
        picture = f"/api/drawings/0/{hit['patent_id']}/{hit['drawings'][0]['row']}.png?side=64"
        assert client.get(picture).status_code == 200
        assert client.get("/api/indexes").json()["indexes"][0]["model"] == other.info.name
        assert client.get("/").status_code == 200
        assert server.log() == ""


def test_indexes_of_two_models_are_told_apart_until_both_have_the_new_one(
    own: Path, index: Path, tmp_path: Path
) -> None:
    second = shutil.copytree(index, tmp_path / "second")
    other = write_tiny_bundle(tmp_path / "other", seed=1)
    desk = Desk([own, second], tmp_path / "matters")
    try:

        async def count() -> int:
            return await desk.ask(lambda: len(desk.index))

        designs = asyncio.run(count())
        for place, folder in enumerate((own, second)):
            with Index.open(folder) as writer:
                writer.rebuild(other, threads=1)
            if place == 0:
                with pytest.raises(SpaceMismatchError, match="different models cannot be compared"):
                    asyncio.run(count())
        assert asyncio.run(count()) == designs
        assert desk.index.bundle.info.space == other.info.space
    finally:
        desk.close()
