"""``edgepatent bundle words``: the real command, and a search for words with what it makes."""

import csv
import json
from pathlib import Path

import pytest
from stored import draw
from wordings import titles

from edgepatent_runtime.bundle import WORDS, Bundle


@pytest.fixture
def drawings(tmp_path: Path) -> Path:
    folder = tmp_path / "drawings"
    rows = []
    for number, title in enumerate(titles()):
        draw(folder / f"{number}.png", number // 8)
        rows.append({"file_name": f"{number}.png", "patent_id": f"P{number}", "title": title})
    with (folder / "metadata.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder


def test_a_bundle_learns_words_and_finds_drawings_without_a_title(
    edgepatent, tiny_bundle: Bundle, drawings: Path, tmp_path: Path
) -> None:
    made = tmp_path / "made"
    arguments = ("bundle", "words", tiny_bundle.folder, "--data", drawings)
    told = edgepatent(*arguments, "--out", made).stdout
    assert "64 titles of 64 drawings" in told
    bundle = Bundle(made)
    bundle.verify()
    assert bundle.info.space == tiny_bundle.info.space
    edgepatent(*arguments, "--out", tmp_path / "again")
    assert Bundle(tmp_path / "again").read(WORDS) == bundle.read(WORDS)
    refused = edgepatent(*arguments, "--out", made, status=1)
    assert "exists already" in refused.stderr
    # The same drawings without a title.
    (drawings / "metadata.csv").unlink()
    index = tmp_path / "index"
    edgepatent("index", "add", drawings, "--index", index, "--model", made)
    shown = edgepatent("search", "--index", index, "--text", "striped guitar")
    assert "its look" in shown.stdout
    found = json.loads(
        edgepatent("search", "--index", index, "--text", "quarzy guitar", "--json").stdout
    )
    assert {hit["found_by"] for hit in found["hits"]} == {"look"}
    assert found["notes"] == ["the model does not know 'quarzy': other words decide"]
    assert {drawing["score"] for hit in found["hits"] for drawing in hit["drawings"]} == {None}
    page = tmp_path / "page.html"
    edgepatent("search", "--index", index, "--text", "guitar", "--html", page)
    assert "<dt>Found by</dt><dd>its look</dd>" in page.read_text()
    # What comes later is watched for by its look as well.
    watches = ("--watches", tmp_path / "watches")
    edgepatent("watch", "add", "guitars", "--text", "guitar", "--index", index, *watches)
    assert "nothing new" in edgepatent("watch", "run", *watches).stdout
    draw(drawings / "new" / "1.png", 3)
    edgepatent("index", "add", drawings, "--index", index)
    told = edgepatent("watch", "run", *watches).stdout
    assert "  its look  new" in told


def test_what_nothing_is_called_is_found_by_some_words_and_by_look_but_not_by_a_watch(
    edgepatent, tiny_bundle: Bundle, drawings: Path, tmp_path: Path
) -> None:
    made, index, page = tmp_path / "made", tmp_path / "index", tmp_path / "page.html"
    edgepatent("bundle", "words", tiny_bundle.folder, "--data", drawings, "--out", made)
    edgepatent("index", "add", drawings, "--index", index, "--model", made)
    text = "folding electric guitar"
    asked = ("search", "--index", index, "--text", text, "--top", 30, "--json", "--html", page)
    found = json.loads(edgepatent(*asked).stdout)
    told = f"nothing is called '{text}': ranked by some of the words, and by look"
    assert found["notes"] == [told]
    assert [hit["found_by"] for hit in found["hits"]] == ["words"] * 22 + ["look"] * 8
    assert "othing is called" in page.read_text()
    watches = ("--watches", tmp_path / "watches")
    edgepatent("watch", "add", "guitars", "--text", text, "--index", index, *watches)
    draw(drawings / "new.png", 9)
    with (drawings / "metadata.csv").open("a", newline="") as file:
        csv.writer(file).writerow(["new.png", "P900", "garden guitar"])
    edgepatent("index", "add", drawings, "--index", index)
    assert "nothing new" in edgepatent("watch", "run", *watches).stdout


def test_too_few_titles_are_refused_in_one_line(
    edgepatent, tiny_bundle: Bundle, drawings: Path, tmp_path: Path
) -> None:
    lines = (drawings / "metadata.csv").read_text().splitlines()[:9]
    (drawings / "metadata.csv").write_text("\n".join(lines) + "\n")
    refused = edgepatent(
        "bundle", "words", tiny_bundle.folder, "--data", drawings, "--out", tmp_path / "made",
        status=1,
    )  # fmt: skip
    assert "8 titles are too few" in refused.stderr.splitlines()[-1]
    assert not (tmp_path / "made").exists()
