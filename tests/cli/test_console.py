"""What verbs print: for people with a terminal, for people without, for programs."""

import io
import re
import sys

import click
import pytest

from edgepatent import cli, console

COLUMNS = ["#", "patent", "Locarno", "title", "date", "best drawing"]
ROWS = [
    ["1", "USD0938702", "12-16 Parts, equipment and accessories for vehicles", "Vehicle fascia",
     "2021-12-21", "FIG. 1, front perspective"],
    ["2", "USD0917867", "02-04 Footwear, socks, stockings", "[bold]Shoe", "2021-05-04", "FIG. 4"],
]  # fmt: skip


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("width", [200, 80, 72, 60])
def test_no_word_is_broken_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], width: int
) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("NO_COLOR", "1")
    console.print_table(COLUMNS, ROWS)
    shown = re.sub(r"\x1b\[[0-9;]*m", "", screen.getvalue())
    assert max(map(len, shown.splitlines())) <= width
    left_out = capsys.readouterr().err.partition(": ")[2].strip().split(", ")
    kept = [place for place, name in enumerate(COLUMNS) if name not in left_out]
    for row in ROWS:
        assert {word for place in kept for word in row[place].split()} <= set(shown.split())
    if width in (60, 80):
        assert (len(kept) == len(COLUMNS)) == (width == 80)


def test_elsewhere_a_row_is_a_line_with_tabs(capsys: pytest.CaptureFixture[str]) -> None:
    console.print_table(COLUMNS, [*ROWS, ["3", "a\tb", "c\nd", "", "", ""]])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("\t") for line in lines[:3]] == [COLUMNS, *ROWS]
    assert lines[3].split("\t") == ["3", r"a\tb", r"c\nd", "", "", ""]


def test_without_a_terminal_progress_is_a_line_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seconds = iter([0.0, 0.0, *[n * 0.5 for n in range(1, 61)]])
    monkeypatch.setattr(console.time, "monotonic", lambda: next(seconds))
    with console.progress_bar() as progress:
        progress("encoding", 0, 1200)
        for done in range(20, 1220, 20):
            progress("encoding", done, 1200)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "encoding: 400 of 1,200, 40.0/s, 20 s left",
        "encoding: 800 of 1,200, 40.0/s, 10 s left",
        "encoding: 1,200 of 1,200, 40.0/s, 0 s left",
    ]


def test_what_is_told_only_once_has_no_rate(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seconds = iter([0.0, 60.0])
    monkeypatch.setattr(console.time, "monotonic", lambda: next(seconds))
    with console.progress_bar() as progress:
        progress("measuring", 505, 505)
    assert capsys.readouterr().err.splitlines() == ["measuring: 505 of 505"]


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (["serch", "x.png"], "did you mean edgepatent search?"),
        (["index", "ad", "x"], "did you mean edgepatent index add?"),
        (["watch", "zzz"], "edgepatent watch --help lists them"),
    ],
)
def test_a_mistyped_verb_is_told_its_neighbour(
    capsys: pytest.CaptureFixture[str], typed: list[str], words: str
) -> None:
    assert cli.run(typed) == 2
    assert words in capsys.readouterr().err


def test_help_begins_with_what_most_people_want() -> None:
    assert next(iter(cli.command.list_commands(click.Context(cli.command)))) == "search"
