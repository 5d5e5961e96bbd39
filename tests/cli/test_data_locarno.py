import json
import subprocess
import sys

import pytest


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "edgepatent", "data", "locarno", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("spelling", ["06-01", "0601", "6-1", "06.01", "LOC (13) Cl. 06-01"])
def test_a_subclass_in_any_spelling(spelling: str) -> None:
    done = run(spelling)
    assert done.returncode == 0
    assert done.stdout == "06  Furnishing\n   06-01  Seats\n"


def test_a_class_lists_its_subclasses() -> None:
    rows = json.loads(run("6", "--json").stdout)
    assert rows[0] == {"code": "06", "name": "Furnishing"}
    assert {"code": "06-13", "name": rows[13]["name"]} == rows[13]
    assert all(row["code"].startswith("06") for row in rows)


def test_without_a_code_all_are_listed() -> None:
    assert len([row for row in json.loads(run("--json").stdout) if len(row["code"]) == 2]) == 32


@pytest.mark.parametrize(
    ("code", "words"), [("chair", "is no Locarno code"), ("06-55", "is in no edition")]
)
def test_what_is_no_code_is_one_line_that_says_what_to_do(code: str, words: str) -> None:
    done = run(code)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert words in done.stderr
