"""The bill of materials that goes with the wheels."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_bill_names_what_we_stand_on_and_nothing_dangles(tmp_path: Path) -> None:
    out = tmp_path / "dist" / "sbom.cdx.json"
    script = str(ROOT / ".ci" / "sbom.py")
    subprocess.run([sys.executable, script, str(out)], check=True, capture_output=True)
    bill = json.loads(out.read_text("utf-8"))
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.5")
    refs = {one["bom-ref"] for one in bill["components"]}
    names = {one["name"] for one in bill["components"]}
    assert {"edgepatent", "edgepatent-runtime", "numpy", "onnxruntime", "msgspec"} <= names
    ours = [file.parent.name for file in ROOT.glob("*/pyproject.toml")]
    assert len(ours) >= 5
    assert {f"edgepatent-{name}" for name in ours} <= names
    assert "pytest" not in names
    for edge in bill["dependencies"]:
        assert {edge["ref"], *edge["dependsOn"]} <= refs
