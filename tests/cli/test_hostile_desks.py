"""Matters, watches and records edited by somebody: one line each, and nothing read elsewhere."""

import json
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hostile_documents import BYTES, edited, no_files

from edgepatent.cli import run
from edgepatent.matter import Matter
from edgepatent.watch import Watches
from edgepatent_runtime.errors import InputError

MATTER = (("matter", "show", "case"), ("matter", "show", "case", "--json"), ("matter", "list"))
PAPERS = (("matter", "report", "case", "--html", "papers.html"),)
WATCH = (("watch", "list"), ("watch", "show", "w"), ("watch", "run"))
DOCUMENTS = {
    "matters/case/matter.json": MATTER,
    "matters/case/decisions.jsonl": MATTER + PAPERS,
    "matters/case/searches/*.json": MATTER + PAPERS,
    "matters/case/classifications/*.json": MATTER,
    "watches/watches/w.json": WATCH,
    "watches/seen.json": WATCH,
    "record.json": (("replay", "record.json"),),
}

Attempt = Callable[[str, tuple[str, ...]], None]


@pytest.fixture(scope="module")
def desk(index: Path, query: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a matter, a watch and a record, in which the commands run."""
    folder = tmp_path_factory.mktemp("desk")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(folder))
        patch.setenv("EDGEPATENT_INDEX", str(index))
        patch.setenv("EDGEPATENT_MATTERS", str(folder / "matters"))
        patch.setenv("EDGEPATENT_WATCHES", str(folder / "watches"))
        patch.chdir(folder)
        for words in (
            ("search", query, "--matter", "case"),
            ("classify", query, "--matter", "case"),
            ("matter", "rate", "case", "SYN1", "--as", "noise", "--note", "legs"),
            ("watch", "add", "w", query),
            ("watch", "run"),
            ("search", query, "--record", "record.json"),
        ):
            assert run([str(word) for word in words]) == 0
        yield folder


@pytest.fixture
def attempt(capsys: pytest.CaptureFixture[str]) -> Attempt:
    """Run a command that must say in a line what is wrong, or do without."""

    def attempt(what: str, words: tuple[str, ...]) -> None:
        status = run(list(words))
        out, err = capsys.readouterr()
        assert status in (0, 1), (what, words, err)
        assert len(err.splitlines()) <= 2, (what, words, err)
        assert "\x1b" not in out + err, (what, words)
        assert "root:" not in out + err, (what, words)

    return attempt


@contextmanager
def restored(desk: Path, pattern: str) -> Iterator[Path]:
    """The document to spoil; afterwards all is as it was."""
    (path,) = desk.glob(pattern)
    kept = {one: one.read_bytes() for one in (path, desk / "watches" / "seen.json")}
    yield path
    for one, data in kept.items():
        one.write_bytes(data)


@pytest.mark.parametrize("pattern", DOCUMENTS)
def test_a_damaged_document_is_one_line(desk: Path, attempt: Attempt, pattern: str) -> None:
    for name, data in BYTES.items():
        with restored(desk, pattern) as path:
            path.write_bytes(data)
            for words in DOCUMENTS[pattern]:
                attempt(name, words)


@pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="POSIX")
@pytest.mark.parametrize("pattern", DOCUMENTS)
def test_what_is_no_document_is_not_waited_for_or_followed(
    desk: Path, attempt: Attempt, pattern: str
) -> None:
    with restored(desk, pattern) as path:
        for name in no_files(path):
            for words in DOCUMENTS[pattern]:
                if words[0] != "replay" or name != "a folder":  # that is wrong usage
                    attempt(name, words)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("pattern", DOCUMENTS)
def test_every_value_made_wrong_is_one_line_or_none(
    desk: Path, attempt: Attempt, pattern: str
) -> None:
    with restored(desk, pattern) as path:
        whole = path.read_bytes().splitlines()[0] if path.suffix == ".jsonl" else path.read_bytes()
        for name, data in edited(whole):
            with restored(desk, pattern):
                path.write_bytes(data)
                for words in DOCUMENTS[pattern][:2]:
                    attempt(name, words)


@pytest.mark.parametrize("number", [2**63, 10**30])
def test_a_generation_that_cannot_be_is_refused(
    desk: Path, capsys: pytest.CaptureFixture[str], number: int
) -> None:
    with restored(desk, "watches/seen.json") as path:
        seen = json.loads(path.read_bytes())
        seen["w"]["generations"] = dict.fromkeys(seen["w"]["generations"], number)
        path.write_text(json.dumps(seen))
        assert run(["watch", "run"]) == 1
        assert f"there is no generation {number}" in capsys.readouterr().err


@pytest.mark.parametrize(
    "place", ["absolute", "../../secret.png", "queries/link.png", "queries", ""]
)
def test_a_query_image_elsewhere_is_not_looked_at(
    desk: Path, query: Path, tmp_path: Path, place: str
) -> None:
    moved = shutil.copytree(desk / "matters" / "case", tmp_path / "matters" / "case")
    secret = shutil.copy(query, tmp_path / "secret.png")
    (moved / "queries" / "link.png").symlink_to(secret)
    (record,) = (moved / "searches").glob("*.json")
    text = json.loads(record.read_bytes())
    text["request"]["queries"][0]["path"] = str(secret) if place == "absolute" else place
    record.write_text(json.dumps(text))
    case = Matter(moved)
    with pytest.raises(InputError, match="names a query image that it does not keep"):
        case.search(record.stem)
    watches = shutil.copytree(desk / "watches", tmp_path / "watches")
    file = watches / "watches" / "w.json"
    watch = json.loads(file.read_bytes())
    (watches / "queries" / "link.png").symlink_to(secret)
    watch["request"]["queries"][0]["path"] = text["request"]["queries"][0]["path"]
    file.write_text(json.dumps(watch))
    with pytest.raises(InputError, match="names a query image that it does not keep"):
        Watches(watches).get("w")


def test_a_link_among_the_query_images_is_none(desk: Path, query: Path, tmp_path: Path) -> None:
    moved = shutil.copytree(desk / "matters" / "case", tmp_path / "case")
    (image,) = (moved / "queries").iterdir()
    assert Matter(moved).query(image.stem) == image
    image.unlink()
    image.symlink_to(query)
    assert Matter(moved).query(image.stem) is None


WRITES = {
    "matters/case": (
        ("search", "QUERY", "--matter", "case"),
        ("classify", "QUERY", "--matter", "case"),
        ("matter", "rate", "case", "SYN2", "--as", "noise"),
    ),
    "watches": (
        ("watch", "add", "another", "QUERY"),
        ("watch", "run"),
        ("watch", "remove", "w"),
    ),
}


@pytest.mark.parametrize("how", ["symlink", "hard link"])
@pytest.mark.parametrize(
    "name",
    [
        "matters/case/matter.lock", "matters/case/decisions.jsonl", "matters/case/queries",
        "matters/case/searches", "matters/case/classifications",
        "watches/watches.lock", "watches/seen.json", "watches/watches", "watches/queries",
    ],
)  # fmt: skip
def test_nothing_is_written_through_a_link(
    desk: Path,
    query: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    how: str,
) -> None:
    for part in ("matters", "watches"):
        shutil.copytree(desk / part, tmp_path / part)
    monkeypatch.setenv("EDGEPATENT_MATTERS", str(tmp_path / "matters"))
    monkeypatch.setenv("EDGEPATENT_WATCHES", str(tmp_path / "watches"))
    inside, elsewhere = tmp_path / name, tmp_path / "elsewhere"
    if inside.exists():
        inside.rename(elsewhere)
    else:
        elsewhere.write_text("a line of mine\n")
    if how == "symlink":
        inside.symlink_to(elsewhere)
    elif elsewhere.is_dir():
        pytest.skip("a folder has no second name")
    else:
        inside.hardlink_to(elsewhere)

    def contents() -> dict[Path, bytes]:
        files = [elsewhere, *elsewhere.rglob("*")]
        return {path: path.read_bytes() for path in files if path.is_file()}

    before = contents()
    for words in WRITES["watches" if name.startswith("watches") else "matters/case"]:
        status = run([str(query) if word == "QUERY" else word for word in words])
        err = capsys.readouterr().err
        assert (status, len(err.splitlines())) == (1, 1), err
        assert "remove it, or bring back a copy" in err
    assert contents() == before
