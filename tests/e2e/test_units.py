"""The units for systemd: sound, shut off, and silent about what is searched for."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

UNITS = sorted((Path(__file__).resolve().parents[2] / "recipes" / "systemd").glob("*.*"))
SERVICES = [unit for unit in UNITS if unit.suffix == ".service"]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="systemd is for Linux")


def name(unit: Path) -> str:
    return unit.name


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze")
@pytest.mark.parametrize("unit", UNITS, ids=name)
def test_systemd_has_nothing_to_say_against_a_unit(unit: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    program = home / ".local/bin/edgepatent"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for other in UNITS:
        (tmp_path / other.name).write_text(other.read_text().replace("%h", str(home)))
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--user", "--man=no", tmp_path / unit.name],
        capture_output=True, text=True, check=False,
        env={**os.environ, "HOME": str(home), "XDG_RUNTIME_DIR": str(tmp_path)},
    )  # fmt: skip
    told = [line for line in verified.stderr.splitlines() if "edgepatent" in line]
    assert not told
    assert verified.returncode == 0, verified.stderr


@pytest.mark.parametrize("unit", SERVICES, ids=name)
def test_a_service_has_no_network_and_writes_for_its_owner_alone(unit: Path) -> None:
    said = unit.read_text().splitlines()
    assert {"PrivateUsers=yes", "PrivateNetwork=yes", "NoNewPrivileges=yes"} <= set(said)
    assert "UMask=0077" in said


@pytest.mark.parametrize("unit", SERVICES, ids=name)
def test_a_service_logs_nothing_of_what_is_asked(unit: Path) -> None:
    said = unit.read_text()
    for started in re.findall(r"^ExecStart=\S+ (.*)$", said, re.MULTILINE):
        if started.startswith("index add"):
            continue  # it names what is indexed, which an office has published
        assert "--quiet" in started or "StandardOutput=null" in said
