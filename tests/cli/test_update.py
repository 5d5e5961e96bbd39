"""``edgepatent update pack|apply|rollback``: the real command."""

import json
import shutil
from pathlib import Path

import pytest

from edgepatent_runtime.collection import Collection
from edgepatent_runtime.filters import Filters


@pytest.fixture
def indexes(index: Path, tmp_path: Path) -> tuple[Path, Path]:
    """An index, and the same with three drawings less."""
    for name in ("old", "new"):
        shutil.copytree(index, tmp_path / name)
    with Collection.open(tmp_path / "new", write=True) as collection:
        with collection.moment() as moment:
            first = moment.patents()[0][0]
        assert collection.remove(Filters(patents=(first,))) == 3
    return tmp_path / "old", tmp_path / "new"


def test_there_and_back(process, edgepatent, indexes, query, tmp_path):
    """The whole way in processes of their own, signed; the answers are those of the new index."""
    old, new = indexes
    pack, index = tmp_path / "pack", ("--index", old)

    def hits(folder: Path) -> list[object]:
        found = json.loads(edgepatent("search", query, "--index", folder, "--json").stdout)
        return [(hit["patent_id"], round(hit["score"], 5)) for hit in found["hits"]]

    before = hits(old)
    edgepatent("bundle", "key", tmp_path / "me")
    said = process(
        "update", "pack", "--index", new, "--from", old, "--out", pack, "--key", tmp_path / "me.key"
    ).stdout
    assert "0 patents come, 0 change, 1 go; 0 drawings" in said
    key = ("--key", tmp_path / "me.pub")
    assert "is now edition" in process("update", "apply", pack, *index, *key).stdout
    assert hits(old) == hits(new) != before
    assert "is sound" in edgepatent("index", "verify", *index).stdout
    assert "is already edition" in edgepatent("update", "apply", pack, *index, *key).stdout
    assert "is back at edition" in process("update", "rollback", *index).stdout
    assert hits(old) == before


def test_as_json(edgepatent, indexes, tmp_path):
    old, new = indexes
    made = ("update", "pack", "--index", new, "--from", old, "--out", tmp_path / "pack", "--json")
    packed = json.loads(edgepatent(*made).stdout)
    assert (packed["removed"], packed["model"]) == (1, False)
    applied = json.loads(
        edgepatent("update", "apply", tmp_path / "pack", "--index", old, "--json").stdout
    )
    assert applied["changed"]
    assert applied["target"] == packed["target"]
    back = json.loads(edgepatent("update", "rollback", "--index", old, "--json").stdout)
    assert back["target"] == packed["base"]


def test_what_is_refused_is_one_line(edgepatent, indexes, index, tmp_path):
    old, new = indexes
    pack, other = tmp_path / "pack", tmp_path / "other"
    edgepatent("update", "pack", "--index", new, "--from", old, "--out", pack)
    shutil.copytree(new, other)
    with Collection.open(other, write=True) as collection:
        collection.remove(Filters(since="2015-01-01"))
    edgepatent("bundle", "key", tmp_path / "me")
    for arguments, said in (
        (("apply", pack, "--index", other), "get the pack that leads from there"),
        (("apply", new, "--index", old), "is no update pack"),
        (("apply", pack, "--index", old, "--key", tmp_path / "me.pub"), "is not signed"),
        (("rollback", "--index", old), "keeps no edition to go back to"),
        (("pack", "--index", new, "--from", old, "--out", pack), "is there already"),
        (("pack", "--index", new, "--from", new, "--out", tmp_path / "no"), "nothing to pack"),
    ):
        error = edgepatent("update", *arguments, status=1).stderr
        assert said in error
        assert len(error.splitlines()) == 1
