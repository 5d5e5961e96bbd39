"""What is shown is text, wherever it comes from; and every stream may be closed."""

import csv
import json
import os
import subprocess
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path

import hostile
import pytest

from edgepatent import console
from edgepatent_runtime.bundle import Bundle

Command = Callable[..., subprocess.CompletedProcess[str]]
ROOT = Path(__file__).parents[2]
WRITABLE = [spell for spell in hostile.SPELLS if not {"\0", "\udc80"} & set(spell)]


def is_shown(text: str) -> bool:
    """Whether a terminal only shows it (the ends of lines apart)."""
    return not any(
        unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp")
        or unicodedata.bidirectional(c) in ("RLE", "LRE", "RLO", "LRO", "PDF", "RLI", "LRI", "FSI")
        for c in text.replace("\n", "")
    )


@pytest.mark.parametrize("spell", hostile.SPELLS)
def test_what_is_hidden_is_spelled(spell: str) -> None:
    shown = console.plain(f"a {spell} b")
    assert is_shown(shown)
    assert "\n" not in shown
    assert shown.isascii()
    shown.encode("utf-8")


def test_what_is_not_hidden_stays() -> None:
    for text in ("Chair, 座椅", "کرسی\u200cها", "étagère — ½", "[red]"):
        assert console.plain(text) == text


def test_no_verb_writes_past_the_edge() -> None:
    for path in (ROOT / "edgepatent").rglob("*.py"):
        if path.name not in ("cli.py", "console.py"):
            for line in path.read_text().splitlines():
                # Pictures for terminals that can show them are made here, pixel by pixel.
                assert "click.echo" not in line or "PROTOCOLS" in line, (path, line)


@pytest.fixture
def spelled(tmp_path: Path, tiny_bundle: Bundle, edgepatent: Command) -> Path:
    """An index whose titles, ids and file names are meant for terminals and spreadsheets."""
    folder = tmp_path / "drawings"
    folder.mkdir()
    with (folder / "metadata.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["file_name", "patent_id", "title"])
        for number, spell in enumerate(WRITABLE):
            name = f"{number} {spell}.png"
            picture = hostile.figure((200 + 9 * number, 160))
            (folder / name).write_bytes(hostile.saved(picture, "PNG"))
            rows.writerow([name, f"P{number} {spell}", f"=cmd({number}) {spell}"])
        rows.writerow(["absent \x1b[2J.png", "P", ""])
    hostile.figure((300, 100)).save(tmp_path / "query.png")
    added = edgepatent(
        "index", "add", folder, "--index", tmp_path / "index", "--model", tiny_bundle.folder
    )
    assert is_shown(added.stdout + added.stderr)
    assert "\\x1b[2J.png" in added.stderr
    return tmp_path


def test_titles_ids_and_names_are_shown(spelled: Path, edgepatent: Command) -> None:
    found = edgepatent(
        "search", spelled / "query.png", "--index", spelled / "index", "--top", 50, "--anyway",
        "--csv", spelled / "hits.csv",
    )  # fmt: skip
    # Cells have tabs between them, and none inside.
    assert {line.count("\t") for line in found.stdout.splitlines()} == {6}
    assert is_shown(found.stdout.replace("\t", " ") + found.stderr)
    assert "\\x1b]0;title\\x07" in found.stdout
    with (spelled / "hits.csv").open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(WRITABLE)
    assert all(row["title"].startswith("'=cmd") for row in rows)
    printed = edgepatent(
        "search", spelled / "query.png", "--index", spelled / "index", "--anyway", "--json"
    ).stdout
    assert is_shown(printed)
    assert len(json.loads(printed)["hits"]) == 10


def test_errors_are_shown(edgepatent: Command, tmp_path: Path) -> None:
    refused = edgepatent("search", "no\x1b[31m\u202ename\r.png", "--index", tmp_path, status=1)
    assert is_shown(refused.stderr)
    wrong = edgepatent("search", "--top", "\x1b[31m", "x.png", status=2)
    assert is_shown(wrong.stderr)


def test_many_threads_are_wrong_usage(edgepatent: Command) -> None:
    for verb in ("search", "classify"):
        wrong = edgepatent(verb, "x.png", "--threads", 100000, status=2)
        assert "100000 is not in the range" in wrong.stderr


@pytest.mark.parametrize("what", ["fifo", "socket", "device"])
def test_what_is_no_file_is_one_line(what: str, edgepatent: Command, tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    match what:
        case "fifo":
            os.mkfifo(path)
        case "socket":
            import socket

            with socket.socket(socket.AF_UNIX) as one:
                one.bind(str(path))
        case _:
            path = Path("/dev/zero")
    for words in (("index", "add", path, "--index", tmp_path / "i"), ("data", "scan", path)):
        refused = edgepatent(*words, status=1)
        assert len(refused.stderr.splitlines()) == 1
        assert "neither a file nor a folder" in refused.stderr


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1, 2)])
def test_streams_may_be_closed(closed: tuple[int, ...], tmp_path: Path) -> None:
    """Nothing is written to whatever gets their numbers."""
    begin = (
        f"import os\nfor number in {closed}: os.close(number)\n"
        "os.execv(os.sys.executable, [os.sys.executable, '-m', 'edgepatent', 'data', 'locarno'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", begin], capture_output=True, text=True, check=False
    )
    assert done.returncode == (1 if 1 in closed else 0)
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == (1 if closed == (1,) else 0)


def test_a_reader_that_leaves_is_no_error() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "edgepatent", "data", "locarno"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as talking:
        assert talking.stdout is not None
        assert talking.stderr is not None
        talking.stdout.close()
        assert talking.stderr.read() == b""
    assert talking.returncode == 1
