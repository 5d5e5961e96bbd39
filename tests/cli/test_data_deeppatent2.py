import json
import subprocess
import sys
from pathlib import Path

from deeppatent2_files import write_parts, year_records, year_zip


def run(verb: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "edgepatent", "data", verb, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


def test_parts_are_unpacked_and_scanned(tmp_path: Path) -> None:
    for year in (2007, 2019):
        write_parts(tmp_path, year, year_zip(year, year_records(year)))
    not_yet = run("scan", tmp_path)
    assert not_yet.returncode == 1
    assert f"edgepatent data deeppatent2 {tmp_path}" in not_yet.stderr

    done = run("deeppatent2", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "2007: 18 images unpacked, 0 were there" in done.stdout
    assert run("deeppatent2", tmp_path).stdout.count("0 images unpacked") == 2

    found = json.loads(run("scan", tmp_path, "--json").stdout)
    assert (found["drawings"], found["patents"]) == (24, 6)
    sheets = json.loads(run("scan", f"deeppatent2:{tmp_path},figures=sheets", "--json").stdout)
    assert (sheets["drawings"], sheets["patents"]) == (12, 6)


def test_one_damaged_year_does_not_keep_the_others_back(tmp_path: Path) -> None:
    write_parts(tmp_path, 2007, year_zip(2007, year_records(2007)))
    damaged = bytearray(year_zip(2012, year_records(2012)))
    middle = damaged.index(b"Segmented.tar.gz") + 200
    damaged[middle : middle + 50] = bytes(50)
    write_parts(tmp_path, 2012, bytes(damaged))
    write_parts(tmp_path, 2019, year_zip(2019, year_records(2019)))
    done = run("deeppatent2", tmp_path)
    assert done.returncode == 1
    assert "2007: 18 images" in done.stdout
    assert "2019: 18 images" in done.stdout
    assert done.stderr.count("\n") == 1
    assert "2012 is damaged" in done.stderr


def test_a_folder_without_parts(tmp_path: Path) -> None:
    done = run("deeppatent2", tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith(f"edgepatent: {tmp_path} holds no part of DeepPatent2")
    assert done.stderr.count("\n") == 1
