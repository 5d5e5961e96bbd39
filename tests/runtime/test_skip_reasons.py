"""Every reason that a source may skip something for is explained to the person who reads it."""

import re
from pathlib import Path

import edgepatent_runtime

_REASON = re.compile(r'(?:skipped\.add|DrawingError)\(\s*"([^"]+)"')


def test_every_reason_stands_in_the_documentation() -> None:
    runtime = Path(edgepatent_runtime.__file__).parent
    documented = (runtime.parent.parent / "docs/data.md").read_text(encoding="utf-8")
    table = documented.partition("## What is skipped")[2].partition("## Limits")[0]
    explained = {reason.strip() for reason in re.split(r"[|·\n]", table)}
    files = [*(runtime / "sources").glob("*.py"), *(runtime / "drawing").glob("*.py")]
    reasons = {reason for file in files for reason in _REASON.findall(file.read_text("utf-8"))}
    assert len(reasons) > 30
    assert reasons <= explained, f"explain in docs/data.md: {sorted(reasons - explained)}"
