import csv
import json
import os
from pathlib import Path

import pytest
from commands import Finished, in_here
from deeppatent2_files import write_unpacked, year_records
from grant_files import grant_files, grant_name, grant_xml, tar_of, tiff, week_files, write_folder


def run(*arguments: object, **environment: str) -> Finished:
    words = ["data", "scan", *map(str, arguments)]
    return in_here(words, {**os.environ, **environment})


def scan(*arguments: object) -> dict[str, object]:
    done = run(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    document: dict[str, object] = json.loads(done.stdout)
    return document


def test_several_sources_are_counted_together(tmp_path: Path) -> None:
    write_folder(tmp_path / "grants" / grant_name(907292), grant_files(907292))
    week = tmp_path / "I20210105.tar"
    week.write_bytes(tar_of(week_files(range(907292, 907295))))
    dataset = write_unpacked(tmp_path / "2012", 2012, year_records(2012))
    found = scan(tmp_path / "grants", week, dataset)
    assert found["drawings"] == 2 + 6 + 12
    # The patent of the folder is also in the week.
    assert found["patents"] == 3 + 3
    assert found["classes"] == found["subclasses"] == 1
    assert found["unknown_locarno"] == 0
    assert found["views_per_patent"] == 3.33
    assert found["skipped"] == {"front-page copy": 4, "grant that is no design": 1}


def test_the_table_names_classes_and_reasons(tmp_path: Path) -> None:
    write_folder(tmp_path / grant_name(907292), grant_files(907292))
    write_folder(tmp_path / grant_name(907293), {"USD0907293-20210105-D00001.TIF": tiff(1)})
    done = run(tmp_path, COLUMNS="120")
    assert done.returncode == 0
    for words in ("2 drawings, 1 patents", "Furnishing", "06-01", "Seats", "grant without XML"):
        assert words in done.stdout
    assert done.stderr == ""


def test_only_what_can_be_decoded_counts_unless_quick(tmp_path: Path) -> None:
    files = grant_files(907292)
    files["USD0907292-20210105-D00002.TIF"] = b"II*\0damaged"
    write_folder(tmp_path / grant_name(907292), files)
    found = scan(tmp_path)
    assert found["drawings"] == 1
    assert sum(found["skipped"].values()) == 2  # type: ignore[attr-defined]
    assert scan(tmp_path, "--quick")["drawings"] == 2


def test_metadata_is_written_and_describes_the_same_drawings(tmp_path: Path) -> None:
    write_folder(tmp_path / grant_name(907292), grant_files(907292))
    direct = scan(tmp_path, "--out", tmp_path / "metadata.jsonl")
    lines = (tmp_path / "metadata.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    assert [row["figure"] for row in rows] == ["1", "2"]
    assert not list(tmp_path.glob("*.part"))
    # With metadata the folder is read by it; the copies of front pages have no row there.
    described = scan(tmp_path)
    for key in ("drawings", "patents", "by_subclass", "views_per_patent"):
        assert described[key] == direct[key]


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"USD0907292-20210105-D00001.TIF": tiff(1)}, "grant without XML"),
        ({"USD0907292-20210105.XML": b"<html/>"}, "XML that is no patent grant"),
    ],
)
def test_a_grant_alone_that_cannot_be_used_is_one_line_and_status_1(
    tmp_path: Path, files: dict[str, bytes], reason: str
) -> None:
    folder = write_folder(tmp_path / grant_name(907292), files)
    done = run(folder, "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["skipped"] == {reason: 1}
    assert done.stderr.count("\n") == 1
    assert "no drawing of" in done.stderr


def test_a_source_that_is_not_there(tmp_path: Path) -> None:
    done = run(tmp_path / "absent")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == f"edgepatent: {tmp_path / 'absent'} does not exist\n"


def test_a_grant_without_locarno_code_is_counted_as_unknown(tmp_path: Path) -> None:
    xml = grant_xml(907292, code=None)
    write_folder(tmp_path / grant_name(907292), grant_files(907292, xml=xml))
    found = scan(tmp_path)
    assert (found["drawings"], found["unknown_locarno"], found["classes"]) == (2, 2, 0)


# --- real data: the counts are those of the files ---


def test_real_grants(shared: Path) -> None:
    folder = shared / "data/uspto-grants"
    found = scan(folder)
    sheets = [f for f in folder.glob("*/*.TIF") if not f.name.endswith("-D00000.TIF")]
    assert found["drawings"] == len(sheets) == 388
    assert found["patents"] == 50
    assert found["unknown_locarno"] == 0
    assert found["skipped"]["front-page copy"] == 50  # type: ignore[index]


def test_real_sheets(shared: Path) -> None:
    folder = shared / "data/uspto-sheets"
    with (folder / "metadata.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    found = scan(folder)
    assert found["drawings"] == len(rows) == 279
    assert found["patents"] == len({row["patent_id"] for row in rows}) == 42
    assert found["subclasses"] == len({row["locarno"] for row in rows})
    assert found["classes"] == len({row["locarno"][:2] for row in rows})
    assert found["skipped"] == {}


def test_real_deeppatent2_sheets(shared: Path) -> None:
    folder = shared / "data/deeppatent2-sheets"
    found = scan(folder)
    names = [file.name for file in folder.glob("*.png")]
    assert found["drawings"] == len(names) == 15
    assert found["patents"] == len({name[:10] for name in names})
    assert set(found["skipped"]) <= {"hidden file or folder"}  # type: ignore[call-overload]
