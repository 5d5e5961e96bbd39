from pathlib import Path

import pytest

from edgepatent_train.licences import DRAWN, PUBLIC, UNSTATED, licences


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = "file_name,patent_id,licence\na.png,x,MIT\nb.png,y,CC0\nc.png,z,MIT\nd.png,q,\n"
    (tmp_path / "metadata.csv").write_text(rows)
    return tmp_path


def test_a_folder_says_it_row_by_row(folder: Path) -> None:
    found = licences([str(folder), str(folder), f"icons=meshes:{folder},designs=5"])
    assert found == {
        str(folder): {"MIT": 2, "CC0": 1, UNSTATED: 1},
        f"icons=meshes:{folder},designs=5": {"MIT": 2, "CC0": 1, UNSTATED: 1},
    }


def test_what_is_known_without_being_said(tmp_path: Path) -> None:
    (tmp_path / "patents").mkdir()
    (tmp_path / "patents" / "metadata.jsonl").write_text('{"patent_id": "US D907,292 S1"}\n')
    (tmp_path / "USD0907292-20210105").mkdir()
    (tmp_path / "loose").mkdir()
    specs = ["synthetic:designs=3", str(tmp_path / "patents"), str(tmp_path / "loose")]
    found = licences([*specs, str(tmp_path / "USD0907292-20210105"), "nowhere"])
    assert [list(terms) for terms in found.values()] == [
        [DRAWN], [PUBLIC], [UNSTATED], [PUBLIC], [UNSTATED]
    ]  # fmt: skip


def test_damaged_metadata_are_the_sources_own_to_report(tmp_path: Path) -> None:
    (tmp_path / "metadata.csv").write_bytes(b"\xff\xfe\x00")
    assert licences([str(tmp_path)]) == {str(tmp_path): {}}
