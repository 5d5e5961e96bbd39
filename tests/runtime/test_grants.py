import shutil
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from grant_files import (
    grant_files,
    grant_name,
    grant_xml,
    tar_of,
    week_files,
    write_folder,
    zip_of,
)
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from edgepatent_runtime.errors import DrawingError, SourceError
from edgepatent_runtime.record import Record, Skipped
from edgepatent_runtime.sources import grant_xml as xml_reader
from edgepatent_runtime.sources import load, open_source

DTDS = [
    "v40-2004-12-02",
    "v41-2005-08-25",
    "v42-2006-08-23",
    "v43-2012-12-04",
    "v44-2013-05-16",
    "v45-2014-04-03",
]


def read(path: Path) -> tuple[list[Record], Skipped]:
    skipped = Skipped()
    return list(open_source(str(path)).records(skipped)), skipped


def write_grant(folder: Path, number: int, **settings: object) -> Path:
    return write_folder(folder / grant_name(number), grant_files(number, **settings))  # type: ignore[arg-type]


def test_a_grant_folder(tmp_path: Path) -> None:
    records, skipped = read(write_grant(tmp_path, 907292))
    assert [Path(r.image.path).name for r in records] == [
        "USD0907292-20210105-D00001.TIF",
        "USD0907292-20210105-D00002.TIF",
    ]
    first, second = records
    assert first.patent_id == "USD0907292"
    assert (first.locarno, first.klass, first.subclass) == ("06-01", "06", "06-01")
    assert first.title == "Chair & table"
    assert first.date == "2021-01-05"
    assert (first.figure, first.view) == ("1", "perspective")
    assert (second.figure, second.view) == ("2", "top plan")
    assert first.text == "FIG. 1 is a perspective view thereof;\nFIG. 2 is a top plan view thereof;"
    assert skipped.counts == {"front-page copy": 1}


def test_the_layouts_agree(tmp_path: Path) -> None:
    """A folder of grants, of ZIP files, a weekly TAR and a weekly ZIP hold the same drawings."""
    numbers = range(907292, 907296)
    for number in numbers:
        write_grant(tmp_path / "folders", number)
    week = week_files(numbers)
    (tmp_path / "I20210105.tar").write_bytes(tar_of(week))
    (tmp_path / "I20210105.zip").write_bytes(zip_of(week))
    for name, data in week.items():
        file = tmp_path / "unpacked" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)

    expected, _ = read(tmp_path / "folders")
    assert len(expected) == 8
    for layout in ("I20210105.tar", "I20210105.zip", "unpacked", "unpacked/I20210105/DESIGN"):
        records, skipped = read(tmp_path / layout)
        assert skipped.counts["front-page copy"] == 4
        assert skipped.counts["grant that is no design"] == (not layout.endswith("DESIGN"))
        assert len(records) == len(expected)
        for record, other in zip(records, expected, strict=True):
            assert record.patent_id == other.patent_id
            assert record.view == other.view
            assert np.array_equal(load(record.image, 32), load(other.image, 32))
    assert not (tmp_path / "I20210105").exists()


@pytest.mark.parametrize("dtd", DTDS)
def test_every_version_of_the_xml(dtd: str) -> None:
    found = xml_reader.parse(grant_xml(512345, dtd=dtd, edition="8", date="20051206"), "x")
    assert (found.number, found.date, found.locarno, found.edition) == (
        "D0512345",
        "20051206",
        "0601",
        "8",
    )
    assert len(found.drawings) == 3


def test_the_sgml_era_grant(shared: Path, tmp_path: Path) -> None:
    xml = (shared / "data/uspto-misc/USD435854S1.xml").read_bytes()
    name = "USD0435854-20010102"
    drawings = {f"{name}-D{n:05}.TIF": b"" for n in range(5)}
    folder = write_folder(tmp_path / name, {f"{name}.XML": xml, **drawings})
    records, skipped = read(folder)
    assert len(records) == 4
    assert skipped.counts == {"front-page copy": 1}
    assert {r.patent_id for r in records} == {"USD0435854"}
    assert records[0].title == "Disc cartridge"
    assert records[0].locarno == "14-02"
    assert records[0].date == "2001-01-02"
    # Fourteen figures on four sheets: nobody can tell which is where.
    assert {r.figure for r in records} == {None}
    assert records[0].text is not None
    assert "FIG. 3 is a top plan view" in records[0].text


def test_real_grants(shared: Path) -> None:
    folder = shared / "data/uspto-grants"
    records, skipped = read(folder)
    tiffs = [file.name for file in folder.glob("*/*.TIF")]
    front = [name for name in tiffs if name.endswith("D00000.TIF")]
    assert len(records) == len(tiffs) - len(front) == 388
    assert skipped.counts["front-page copy"] == len(front) == 50
    assert {r.patent_id for r in records} == {
        path.name[:10] for path in folder.iterdir() if path.is_dir()
    }
    assert all(r.locarno and r.klass and r.title and r.date for r in records)
    one_figure_a_sheet = [r for r in records if r.patent_id == "USD0907292"]
    assert [r.figure for r in one_figure_a_sheet] == list("12345678")
    assert one_figure_a_sheet[1].view == "bottom"


def test_a_grant_without_xml_is_skipped_among_others(tmp_path: Path) -> None:
    write_grant(tmp_path, 907292)
    bare = write_grant(tmp_path, 907293)
    (bare / "USD0907293-20210105.XML").unlink()
    records, skipped = read(tmp_path)
    assert {r.patent_id for r in records} == {"USD0907292"}
    assert skipped.counts["grant without XML"] == 1
    assert skipped.examples["grant without XML"] == [str(bare)]


@pytest.mark.parametrize("code", [None, "None", "0655", "", "D14"])
def test_without_a_legal_locarno_code_drawings_have_no_labels(
    tmp_path: Path, code: str | None
) -> None:
    folder = write_grant(tmp_path, 907292, xml=grant_xml(907292, code=code))
    records, skipped = read(folder)
    assert len(records) == 2
    assert {(r.klass, r.subclass) for r in records} == {(None, None)}
    assert {r.locarno for r in records} == {"06-55" if code == "0655" else None}
    assert skipped.counts == {"front-page copy": 1}


def test_drawings_that_the_xml_names_but_are_not_there(tmp_path: Path) -> None:
    folder = write_grant(tmp_path, 907292)
    (folder / "USD0907292-20210105-D00001.TIF").unlink()
    records, skipped = read(folder)
    # The sheet that is left keeps its own figure.
    assert [(r.figure, r.view) for r in records] == [("2", "top plan")]
    assert skipped.counts == {"front-page copy": 1, "drawing named in the XML is missing": 1}


BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE us-patent-grant [<!ENTITY a "aaaaaaaaaa">'
    + b"".join(b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(12))
    + b"]><us-patent-grant>&m;</us-patent-grant>"
)
XXE = (
    b'<?xml version="1.0"?><!DOCTYPE us-patent-grant [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    b"<us-patent-grant><us-bibliographic-data-grant><invention-title>&x;</invention-title>"
    b"</us-bibliographic-data-grant></us-patent-grant>"
)
PARAMETER = (
    b'<?xml version="1.0"?><!DOCTYPE us-patent-grant [<!ENTITY % x SYSTEM "http://127.0.0.1/x">'
    b" %x;]><us-patent-grant/>"
)


@pytest.mark.parametrize(
    ("xml", "reason"),
    [
        (BOMB, "grant XML with entities"),
        (XXE, "grant XML with entities"),
        (PARAMETER, "grant XML with entities"),
        (b"", "damaged grant XML"),
        (b"text", "damaged grant XML"),
        (grant_xml(907292)[:-100], "damaged grant XML"),
        (b"\x89PNG\r\n" + bytes(100), "damaged grant XML"),
        (b"<html/>", "XML that is no patent grant"),
        (b"<us-patent-grant/>", "grant that is no design"),
        (grant_xml(907292).replace(b">D0907292<", b">10881027<"), "grant that is no design"),
    ],
)
def test_hostile_and_foreign_xml_is_one_skipped_grant(
    tmp_path: Path, xml: bytes, reason: str
) -> None:
    write_grant(tmp_path, 907291)
    write_grant(tmp_path, 907292, xml=xml)
    records, skipped = read(tmp_path)
    assert {r.patent_id for r in records} == {"USD0907291"}
    assert skipped.counts == {"front-page copy": 1, reason: 1}


def test_an_undefined_entity_of_an_external_dtd_is_left_out() -> None:
    xml = grant_xml(907292, title="Chair &mgr; table")
    assert xml_reader.parse(xml, "x").title == "Chair table"


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3000), st.binary(min_size=1, max_size=6)), max_size=6),
    st.integers(0, 3000),
)
@example([(30, b"A")], 0)  # an encoding that nobody knows
def test_damaged_xml_is_reported_in_our_words(edits: list[tuple[int, bytes]], cut: int) -> None:
    data = bytearray(grant_xml(907292))
    for place, new in edits:
        data[place : place + len(new)] = new
    try:
        xml_reader.parse(bytes(data[: cut or None]), "x")
    except DrawingError as error:
        assert error.reason  # noqa: PT017


def test_a_week_with_damaged_grants_keeps_the_others(tmp_path: Path) -> None:
    week = week_files(range(907292, 907295))
    names = list(week)
    week[names[0]] = week[names[0]][:200]
    inner = grant_files(907293)
    inner["../../escape.TIF"] = b"x"
    week[names[1]] = zip_of(inner)
    path = tmp_path / "I20210105.tar"
    path.write_bytes(tar_of(week))
    records, skipped = read(path)
    assert {r.patent_id for r in records} == {"USD0907293", "USD0907294"}
    assert skipped.counts == {
        "damaged archive": 1,
        "unsafe name in an archive": 1,
        "front-page copy": 2,
        "grant that is no design": 1,
    }
    assert [entry.name for entry in tmp_path.iterdir()] == ["I20210105.tar"]


def test_a_week_cut_short_gives_what_came_before(tmp_path: Path) -> None:
    data = tar_of(week_files(range(907292, 907300)))
    path = tmp_path / "I20210105.tar"
    path.write_bytes(data[: len(data) // 2])
    records, skipped = read(path)
    assert 0 < len({r.patent_id for r in records}) < 8
    assert skipped.counts["archive cut short"] == 1
    assert all(load(r.image, 16).shape == (16, 16) for r in records)


def test_a_damaged_drawing_in_a_week_is_a_drawing_error(tmp_path: Path) -> None:
    files = grant_files(907292)
    files["USD0907292-20210105-D00001.TIF"] = b"II*\0" + bytes(50)
    path = tmp_path / "I20210105.zip"
    path.write_bytes(zip_of({"DESIGN/USD0907292-20210105.ZIP": zip_of(files)}))
    records, _ = read(path)
    with pytest.raises(DrawingError):
        load(records[0].image, 32)
    assert load(records[1].image, 32).shape == (32, 32)


def test_grants_as_folders_in_an_archive(tmp_path: Path) -> None:
    """As somebody packs a folder of grants; one of them has no XML."""
    members = {"notes.txt": b"x"}
    for number in (907292, 907293):
        for name, data in grant_files(number).items():
            members[f"grants/{grant_name(number)}/{name}"] = data
    del members[f"grants/{grant_name(907293)}/{grant_name(907293)}.XML"]
    path = tmp_path / "grants.zip"
    path.write_bytes(zip_of(members))
    records, skipped = read(path)
    assert [r.patent_id for r in records] == ["USD0907292"] * 2
    assert skipped.counts == {
        "front-page copy": 1,
        "grant without XML": 1,
        "file outside a grant": 1,
    }


def test_links_in_circles_end(tmp_path: Path) -> None:
    write_grant(tmp_path / "DESIGN", 907292)
    (tmp_path / "DESIGN" / "again").symlink_to(tmp_path)
    records, skipped = read(tmp_path)
    assert len(records) == 2
    assert skipped.counts["link back to a folder around it"] == 1


def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    folder = write_grant(tmp_path, 907292)
    shutil.copy(folder / "USD0907292-20210105-D00001.TIF", bytes(folder) + b"/bad-\xff.TIF")
    records, skipped = read(folder)
    assert len(records) == 2
    assert skipped.counts["name that is not UTF-8"] == 1
    skipped.examples["name that is not UTF-8"][0].encode("utf-8")


def test_two_spellings_of_one_patent_are_one_grant(tmp_path: Path) -> None:
    write_grant(tmp_path, 907292)
    other = grant_files(907292, xml=grant_xml(907292).replace(b"D0907292<", b"D907292<"))
    write_folder(tmp_path / "USD907292-20210105", other)
    records, skipped = read(tmp_path)
    assert [r.patent_id for r in records] == ["USD0907292"] * 2
    assert skipped.counts == {"front-page copy": 1, "duplicate grant": 1}


def test_nothing_there(tmp_path: Path) -> None:
    (tmp_path / "DESIGN").mkdir()
    with pytest.raises(SourceError, match="holds no design grant"):
        read(tmp_path)


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.tuples(st.integers(0, 60_000), st.integers(0, 255)), min_size=1, max_size=30))
def test_a_damaged_week_never_raises(tmp_path: Path, edits: list[tuple[int, int]]) -> None:
    data = bytearray(tar_of(week_files(range(907292, 907294))))
    for place, value in edits:
        data[place % len(data)] = value
    path = tmp_path / "I20210105.tar"
    path.write_bytes(bytes(data))
    try:
        records, _ = read(path)
    except SourceError:
        return
    for record in records:
        with suppress(DrawingError):
            load(record.image, 16)
