"""The command as a whole: help, errors, exit codes, and the generated reference."""

import subprocess
import sys
import tempfile
from pathlib import Path

import click
import pytest

from edgepatent.cli import LazyGroup, command, run

ROOT = Path(__file__).resolve().parents[2]


def walk(group, path=()):
    context = click.Context(group)
    for name in group.list_commands(context):
        verb = group.get_command(context, name)
        yield (*path, name), verb
        if isinstance(verb, click.Group):
            yield from walk(verb, (*path, name))


VERBS = dict(walk(command))


@pytest.mark.parametrize("path", VERBS, ids=" ".join)
def test_every_command_and_option_has_help(path):
    verb = VERBS[path]
    assert verb.help
    for parameter in verb.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{' '.join(path)} {parameter.name} has no help"


def test_the_lines_of_the_list_are_the_commands_own():
    """``--help`` shows a verb's line without importing it: the two must not drift apart."""
    for path, verb in VERBS.items():
        group = VERBS[path[:-1]] if len(path) > 1 else command
        assert isinstance(group, LazyGroup)
        if not isinstance(verb, click.Group):
            first = " ".join((verb.help or "").split("\n\n")[0].split())
            assert group.verbs[path[-1]] == first


def test_help_imports_no_verb():
    code = (
        "import sys; from edgepatent.cli import run; run(['--help']); "
        "print([m for m in sys.modules if m.startswith(('numpy', 'edgepatent.commands.'))], "
        "file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    assert "search" in done.stdout


def test_the_reference_is_fresh():
    script = ROOT / "docs" / "make_cli_reference.py"
    done = subprocess.run(
        [sys.executable, script, "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_an_error_is_one_line_and_a_traceback_needs_debug(edgepatent, tmp_path):
    done = edgepatent("evaluate", "--model", tmp_path, "--data", tmp_path, status=1)
    assert len(done.stderr.splitlines()) == 1
    assert "not a model bundle" in done.stderr
    assert done.stdout == ""
    process = subprocess.run(
        [
            sys.executable,
            "-m",
            "edgepatent",
            "evaluate",
            "--model",
            tmp_path,
            "--data",
            "x",
            "--debug",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" in process.stderr
    assert process.returncode == 1


def test_wrong_usage_is_2(capsys):
    assert run(["no-such-verb"]) == 2
    assert run(["search", "--no-such-option"]) == 2
    assert run(["evaluate"]) == 2
    assert "Missing option" in capsys.readouterr().err


def test_a_missing_extra_is_one_line(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "edgepatent_train", None)
    for name in [m for m in sys.modules if m.startswith("edgepatent_train.")]:
        monkeypatch.delitem(sys.modules, name)
    arguments = ["train", "--data", "x", "--recipe", "mobilevit_xxs", "--out", "never-made"]
    assert run(arguments) == 1
    error = capsys.readouterr().err
    assert "pip install 'edgepatent[train]'" in error
    assert len(error.splitlines()) == 1


def test_no_folder_for_temporary_files_is_one_line(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: [str(tmp_path / "none")])
    monkeypatch.setattr(LazyGroup, "get_command", lambda *_: tempfile.gettempdir())
    assert run(["bench"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "set TMPDIR" in line


@pytest.mark.parametrize(("given", "used"), [(None, "1"), ("3", "3")])
def test_numpy_multiplies_on_one_thread_unless_it_is_told_otherwise(monkeypatch, given, used):
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    if given:
        monkeypatch.setenv("OPENBLAS_NUM_THREADS", given)
    code = (
        "import atexit, os, sys\n"
        "atexit.register(lambda: print(os.environ['OPENBLAS_NUM_THREADS'], flush=True))\n"
        "sys.argv[1:] = ['--version']\n"
        "from edgepatent.__main__ import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split()[-1] == used


def test_version(capsys):
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("edgepatent, version ")


def test_interrupted_is_said_in_a_word(monkeypatch, capsys):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(LazyGroup, "get_command", interrupt)
    assert run(["search"]) == 1
    assert "interrupted" in capsys.readouterr().err


def test_a_reader_that_goes_away_is_no_error(edgepatent):
    process = subprocess.run(
        f"{sys.executable} -m edgepatent search --help | head -1",
        shell=True,
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.stdout.startswith("Usage")
    assert "Traceback" not in process.stderr
    assert "Exception" not in process.stderr
