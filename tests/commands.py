"""The command line as tests call it: in this process, or in one of its own."""

import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest

from edgepatent import cli

Finished = subprocess.CompletedProcess[str]


def surroundings(home: Path) -> dict[str, str]:
    """An environment in which nothing of the user's is found."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("EDGEPATENT", "XDG_"))}
    return {**kept, "HOME": str(home), "TERM": "dumb"}


def in_process(
    arguments: list[str], environment: Mapping[str, str], stdin: bytes = b""
) -> Finished:
    """``python -m edgepatent ARGUMENTS``, finished."""
    done = subprocess.run(
        [sys.executable, "-m", "edgepatent", *arguments],
        input=stdin,
        capture_output=True,
        env=environment,
        check=False,
    )
    assert b"Traceback" not in done.stderr, done.stderr.decode()
    return Finished(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def in_here(arguments: list[str], environment: Mapping[str, str], stdin: bytes = b"") -> Finished:
    """The same without a process of its own, whose imports take most of its time."""
    given, out, err = (TextIOWrapper(BytesIO(data), "utf-8") for data in (stdin, b"", b""))
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr(sys, "stdin", given)
        for name in os.environ.keys() - environment.keys():
            patch.delenv(name)
        for name, value in environment.items():
            patch.setenv(name, value)
        status = cli.run(arguments)
        out.flush()
        err.flush()
    told = [stream.buffer.getvalue().decode() for stream in (out, err)]
    return Finished(arguments, status, *told)
