"""What goes to other programs: spreadsheets, disclosure statements, a page over a batch."""

import io
import os
import re
import shutil
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import pytest

from edgepatent.cli import run
from edgepatent.matter import Matter
from edgepatent.report import disclosure
from edgepatent.report.spreadsheet import Table, to_csv, to_workbook
from edgepatent_runtime.record import Bibliography
from edgepatent_runtime.search.results import Patent

SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
FORMULA = '=HYPERLINK("http://x")'


def patent(number: str, **known: object) -> Patent:
    fields = {"locarno": None, "klass": None, "subclass": None, "title": None, "date": None}
    return Patent(patent_id=number, index="", drawings=[], **{**fields, **known})  # type: ignore[arg-type]


def test_text_in_a_workbook_is_text_and_each_row_has_its_picture() -> None:
    pytest.importorskip("xlsxwriter")
    png = (Path(__file__).parents[2] / "docs" / "report.png").read_bytes()
    table = Table(["title", "score"], [[FORMULA, 0.5], ["http://example.org", None]], [png, None])
    with zipfile.ZipFile(io.BytesIO(to_workbook(table, "case"))) as book:
        names = book.namelist()
        sheet = ElementTree.fromstring(book.read("xl/worksheets/sheet1.xml"))
        strings = ElementTree.fromstring(book.read("xl/sharedStrings.xml"))
    assert [name for name in names if name.startswith("xl/media/")] == ["xl/media/image1.png"]
    assert not list(sheet.iter(f"{SHEET}f"))
    assert not list(sheet.iter(f"{SHEET}hyperlink"))
    texts = [one.text for one in strings.iter(f"{SHEET}t")]
    assert texts == ["picture", "title", "score", FORMULA, "http://example.org"]
    assert [one.text for one in sheet.iter(f"{SHEET}v")][-2:] == ["0.5", "4"]


def test_text_in_csv_is_text_and_numbers_are_numbers() -> None:
    text = to_csv(Table(["a", "b"], [[FORMULA, -0.5], ["-1", None]], [None, None]))
    assert text == f"a,b\r\n\"'{FORMULA.replace(chr(34), chr(34) * 2)}\",-0.5\r\n'-1,\r\n"


def test_a_disclosure_statement() -> None:
    known = [
        patent(
            "USD0907292", date="2021-01-05", bibliography=Bibliography(applicants=("Acme", "Z"))
        ),
        patent("USD0400001", date="1998-10-20", bibliography=Bibliography(inventors=("A. Bell",))),
        patent("EM008123456-0001", date="2020-02-02"),
    ]
    assert list(disclosure.lines(known, ["USD0000007", "P0001x"])) == [
        "INFORMATION DISCLOSURE STATEMENT BY APPLICANT",
        "",
        "U.S. PATENTS",
        "Cite  Patent Number      Kind  Issue Date  Name of Patentee or Applicant",
        "1     D907,292           S1    2021-01-05  Acme et al.",
        "2     D400,001           S     1998-10-20  A. Bell",
        "3     D7",
        "",
        "FOREIGN PATENT DOCUMENTS",
        "Cite  Document Number    Kind  Issue Date  Name of Patentee or Applicant",
        "4     EM 008123456-0001        2020-02-02",
        "",
        "DOCUMENTS WITHOUT AN OFFICE'S NUMBER",
        "Cite  Document                 Issue Date  Name of Patentee or Applicant",
        "5     P0001x",
    ]


def test_a_matter_goes_to_a_spreadsheet_and_to_the_office(
    index: Path, query: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("xlsxwriter")
    folder = tmp_path / "case"
    assert run(["search", str(query), "--index", str(index), "--matter", str(folder),
                "--xlsx", str(tmp_path / "hits.xlsx")]) == 0  # fmt: skip
    case = Matter(folder)
    first, second, third = (hit.patent_id for hit in case.search(case.searches()[0]).hits[:3])
    case.decide(first, rating="relevant")
    case.decide(second, rating="noise", shortlisted=True)
    case.decide(third, shortlisted=True)
    capsys.readouterr()
    export = ["matter", "export", str(folder), "--ids", "-", "--xlsx", str(tmp_path / "case.xlsx")]
    assert run(export) == 0
    listed = capsys.readouterr().out
    assert [one for one in (first, second, third) if one in listed] == [first, third]
    for name, pictures in (("hits.xlsx", 10), ("case.xlsx", 3)):
        with zipfile.ZipFile(tmp_path / name) as book:
            assert sum(one.startswith("xl/media/") for one in book.namelist()) == pictures
    assert run(["matter", "export", str(folder)]) == 2
    assert "--csv, --xlsx or --ids" in capsys.readouterr().err


def test_a_batch_has_a_page_over_all(
    index: Path, query: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    queries, out = tmp_path / "queries", tmp_path / "out"
    queries.mkdir()
    shutil.copy(query, queries / "a #1?.png")
    shutil.copy(query, queries / "<b>.png")
    (queries / "notes.txt").write_text("none")
    assert run(["batch", str(queries), "--out", str(out), "--html", "--index", str(index)]) == 0
    overview = (out / "index.html").read_text()
    links = re.findall(r'<h2><a href="\./([^"]*)">', overview)
    assert links == ["%3Cb%3E.png.html", "a%20%231%3F.png.html"]
    assert "<b>" not in overview
    assert overview.count("<strong>") == 8
    assert (out / "<b>.png.html").is_file()
    assert (out / "a #1?.png.json").is_file()
    assert not re.search(r"https?://|<script", overview)


def test_a_batch_of_what_is_new_searches_each_scan_once(
    index: Path, query: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scans, out = tmp_path / "scans", tmp_path / "answers"
    scans.mkdir()

    def arrive(name: str, content: bytes, minute: int) -> None:
        (scans / name).write_bytes(content)
        os.utime(scans / name, (60 * minute, 60 * minute))

    def answered() -> list[str]:
        """The names that a run lists."""
        command = ["batch", str(scans), "--new", "--out", str(out), "--index", str(index)]
        assert run(command) == 0
        return re.findall(r"^(\w+\.png)", capsys.readouterr().out, re.MULTILINE)

    assert answered() == []
    arrive("one.png", query.read_bytes(), 1)
    arrive("two.png", query.read_bytes()[:200], 1)  # still being copied
    assert answered() == ["one.png"]
    arrive("two.png", query.read_bytes(), 2)
    assert answered() == ["two.png"]
    assert answered() == []
    for answer in out.iterdir():
        os.utime(answer, (180, 180))
    arrive("one.png", query.read_bytes(), 4)
    assert answered() == ["one.png"]
