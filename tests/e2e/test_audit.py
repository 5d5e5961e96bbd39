"""What is said of known vulnerabilities, and what continuous integration makes of it."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOUND = {"name": "click", "version": "8.1", "vulns": []}
BAD = {
    "name": "pillow", "version": "1.0",
    "vulns": [{"id": "PYSEC-1", "fix_versions": ["2.0"]}, {"id": "PYSEC-2", "fix_versions": []}],
}  # fmt: skip
ABSENT = {"name": "numpy", "skip_reason": "Dependency not found on PyPI and could not be audited"}
OURS = {"name": "edgepatent", "skip_reason": "distribution marked as editable"}


@pytest.fixture(scope="module")
def audit() -> ModuleType:
    spec = importlib.util.spec_from_file_location("audit", ROOT / ".ci" / "audit.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("found", "status", "says"),
    [
        ([SOUND, SOUND, OURS], 0, "1 of 1 distributions audited, 0 vulnerable"),
        (
            [SOUND, ABSENT],
            0,
            "1 of 2 distributions audited, 0 vulnerable\ncould not be audited: num",
        ),
        (
            [SOUND, BAD],
            4,
            "pillow 1.0: PYSEC-1, fixed in 2.0\npillow 1.0: PYSEC-2, fixed in nothing",
        ),
        ([ABSENT, OURS], 3, "could not be audited: the registry told nothing of any of 1 "),
        ([], 3, "could not be audited"),
    ],
)
def test_what_is_not_known_is_no_pass(
    audit: ModuleType,
    capsys: pytest.CaptureFixture[str],
    found: list[dict[str, Any]],
    status: int,
    says: str,
) -> None:
    assert audit.judged(found) == status
    assert says in capsys.readouterr().out


@pytest.mark.parametrize(
    ("answer", "warns"),
    [
        (json.dumps({"dependencies": [SOUND]}), ""),
        (json.dumps({"dependencies": [BAD]}), "WARNING: something that is installed is vulnerable"),
        (json.dumps({"dependencies": [ABSENT]}), "WARNING: nothing could be audited"),
        ("", "WARNING: nothing could be audited"),
        ("{", "WARNING: the audit itself failed"),
    ],
)
def test_integration_warns_and_goes_on(tmp_path: Path, answer: str, warns: str) -> None:
    """`.ci/run` with a Python whose pip-audit gives ``answer``, and nothing else to do."""
    for name in (".ci", ".venv/bin", "bin"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("run", "audit.py"):
        (tmp_path / ".ci" / name).write_bytes((ROOT / ".ci" / name).read_bytes())
    (tmp_path / "pip_audit.py").write_text(f"print(end={answer!r})")
    python = tmp_path / ".venv/bin/python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{tmp_path}" exec "{sys.executable}" "$@"\n')
    for name in ("make", "chromium"):
        (tmp_path / "bin" / name).write_text("#!/bin/sh\n")
    for program in (python, *(tmp_path / "bin").iterdir()):
        program.chmod(0o755)
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", tmp_path / ".ci" / "run"],
        env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert ("WARNING" in done.stdout) == bool(warns)
    assert warns in done.stdout
