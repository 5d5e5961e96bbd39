"""``--matter`` and ``edgepatent matter``: the same folder that the page keeps."""

import csv
import io
import json
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from edgepatent.cli import run
from edgepatent.matter import Matter
from edgepatent.report import filing
from edgepatent_runtime.index import Index

Call = Callable[..., str]


@pytest.fixture
def call(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, index: Path, tmp_path: Path
) -> Call:
    """The command in this process, in a desk of its own; what it printed on stdout."""
    monkeypatch.setenv("EDGEPATENT_INDEX", str(index))
    monkeypatch.setenv("EDGEPATENT_MATTERS", str(tmp_path / "matters"))
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object, status: int = 0) -> str:
        assert run([str(one) for one in arguments]) == status, capsys.readouterr().err
        return capsys.readouterr().out

    return call


def found(text: str) -> list[str]:
    return [hit["patent_id"] for hit in json.loads(text)["hits"]]


def test_a_search_is_kept_and_replays(call: Call, query: Path, tmp_path: Path) -> None:
    shown = found(call("search", query, "--top", 4, "--matter", "Chair 7", "--json"))
    case = Matter(tmp_path / "matters" / "Chair 7")
    (name,) = case.searches()
    kept = case.search(name)
    assert [hit.patent_id for hit in kept.hits] == shown
    copy = Path(kept.request.queries[0].path)
    assert copy.parent == case.folder / "queries"
    assert copy.read_bytes() == query.read_bytes()
    case.folder.rename(tmp_path / "moved")
    moved = Matter(tmp_path / "moved").search(name)
    record = tmp_path / "record.json"
    filing.write(moved, record)
    assert "the same 4 hits" in call("replay", record)


def test_a_rating_survives_a_repeated_search_and_hides_noise(call: Call, query: Path) -> None:
    search = ("search", query, "--matter", "case", "--json")
    first = found(call(*search))
    assert call("matter", "rate", "case", first[0], "--as", "noise") == f"{first[0]}: noise\n"
    call(
        "matter", "rate", "case", first[1], "--as", "relevant", "--note", "the legs", "--shortlist"
    )
    again = found(call(*search))
    assert again[: len(first) - 1] == first[1:]
    assert first[0] not in again
    shown = json.loads(call("matter", "show", "case", "--json"))
    decisions = {one["patent_id"]: one for one in shown["decisions"]}
    assert decisions[first[0]]["rating"] == "noise"
    assert decisions[first[1]]["note"] == "the legs"
    call("matter", "rate", "case", first[0], "--as", "nothing", "--no-shortlist")
    assert found(call(*search)) == first


def test_standard_input_is_kept_too(edgepatent, index: Path, query: Path, tmp_path: Path) -> None:
    folder = tmp_path / "case"
    edgepatent("search", "-", "--index", index, "--matter", folder, stdin=query.read_bytes())
    case = Matter(folder)
    kept = case.search(case.searches()[0])
    assert Path(kept.request.queries[0].path).read_bytes() == query.read_bytes()
    assert edgepatent("replay", folder / "searches" / f"{case.searches()[0]}.json",
                      kept.request.queries[0].path).returncode == 0  # fmt: skip


def test_a_classification_is_kept(call: Call, query: Path, tmp_path: Path) -> None:
    printed = json.loads(call("classify", query, "--matter", "./case", "--json"))
    (kept,) = Matter(tmp_path / "case").classified()
    assert json.loads(json.dumps(printed))["suggestions"][0]["locarno"] == (
        kept.document.suggestions[0].locarno
    )
    assert (tmp_path / "case" / kept.queries[0]).read_bytes() == query.read_bytes()
    shown = call("matter", "show", "./case")
    assert kept.document.suggestions[0].locarno in shown


def test_two_programs_keep_at_once(index: Path, query: Path, tmp_path: Path) -> None:
    def search(_: int) -> int:
        done = subprocess.run(
            [sys.executable, "-m", "edgepatent", "search", query, "--index", index,
             "--matter", tmp_path / "case"],
            capture_output=True, check=False,
        )  # fmt: skip
        return done.returncode

    with ThreadPoolExecutor(2) as both:
        assert list(both.map(search, range(2))) == [0, 0]
    case = Matter(tmp_path / "case")
    assert len(case.searches()) == 2
    assert len(list((tmp_path / "case" / "queries").iterdir())) == 1
    for path in (case.folder, *case.folder.rglob("*")):
        assert path.stat().st_mode & 0o077 == 0, path


def test_list_show_report_and_export(call: Call, query: Path, tmp_path: Path) -> None:
    assert call("matter", "list") == ""
    first = found(call("search", query, "--matter", "case", "--json", "--locarno", "06"))
    second = found(call("search", query, "--matter", "case", "--json"))
    other = next(one for one in second if one not in first[:1])
    call("matter", "rate", "case", first[0], "--as", "relevant", "--note", "=SUM(A1)")
    call("matter", "rate", "case", other, "--as", "noise")
    assert json.loads(call("matter", "list", "--json"))[0]["searches"] == 2
    shown = call("matter", "show", "case")
    assert "Locarno 06" in shown
    assert "=SUM(A1)" in shown
    call("matter", "report", "case", "--html", "report.html")
    page = (tmp_path / "report.html").read_text()
    assert first[0] in page
    assert f"{other} " not in page
    rows = list(csv.DictReader(io.StringIO(call("matter", "export", "case", "--csv", "-"))))
    assert [row["patent_id"] for row in rows] == [first[0], other]
    assert rows[0]["note"] == "'=SUM(A1)"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["matter", "show", "nothing"], "there is no matter in"),
        (["matter", "show", "../matters"], "there is no matter in"),
        (["search", "--text", "x", "--matter", "a:b"], "cannot be the name of a matter"),
        (["matter", "rate", "nothing", "D1", "--as", "noise"], "there is no matter in"),
    ],
)
def test_what_is_no_matter_is_one_line(
    call: Call, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert run(arguments) == 1
    err = capsys.readouterr().err
    assert words in err
    assert err.count("\n") == 1


def test_a_matter_without_a_search_asks_for_the_index(
    call: Call, capsys: pytest.CaptureFixture[str], tmp_path: Path, index: Path
) -> None:
    Matter.create(tmp_path / "case")
    assert run(["matter", "report", "./case", "--html", "x.html"]) == 1
    assert "name the index of its designs with --index" in capsys.readouterr().err
    call("matter", "report", "./case", "--html", "x.html", "--index", index)
    with Index.open(index) as opened:
        assert opened.info().drawings
