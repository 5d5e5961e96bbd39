"""A weekly archive of the USPTO, indexed and searched where it lies."""

import json
import os
import subprocess
import sys
from pathlib import Path

from grant_files import grant_name, tar_of, tiff, week_files

from edgepatent_runtime.bundle import Bundle


def test_a_week_is_indexed_and_searched_without_unpacking(
    tmp_path: Path, tiny_bundle: Bundle
) -> None:
    week = tmp_path / "I20210105.tar"
    week.write_bytes(tar_of(week_files(range(907292, 907300))))
    query = tmp_path / "query.tif"
    query.write_bytes(tiff(907294 + 2))  # the second sheet of D907294
    index = tmp_path / "index"

    def edgepatent(*arguments: object) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "edgepatent", *map(str, arguments)],
            capture_output=True,
            text=True,
            env={**os.environ, "HOME": str(tmp_path / "home")},
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    edgepatent("index", "add", week, "--index", index, "--model", tiny_bundle.folder)
    info = json.loads(edgepatent("index", "info", "--index", index, "--json"))
    assert (info["drawings"], info["patents"]) == (16, 8)

    found = json.loads(edgepatent("search", query, "--index", index, "--json"))
    [best, *_] = found["hits"]
    assert best["score"] > 0.999
    ties = [hit for hit in found["hits"] if hit["score"] > 0.999]
    assert "USD0907294" in {hit["patent_id"] for hit in ties}
    hit = next(hit for hit in ties if hit["patent_id"] == "USD0907294")
    assert (hit["locarno"], hit["title"], hit["date"]) == ("06-01", "Chair & table", "2021-01-05")
    assert f"{grant_name(907294)}-D00002.TIF" in hit["drawings"][0]["path"]
    assert hit["drawings"][0]["figure"] == "2"

    before = {path.name for path in tmp_path.iterdir()}
    again = edgepatent("index", "add", week, "--index", index)
    assert json.loads(edgepatent("index", "info", "--index", index, "--json"))["drawings"] == 16
    assert {path.name for path in tmp_path.iterdir()} == before, again
    assert not list(tmp_path.rglob("*.TIF"))
