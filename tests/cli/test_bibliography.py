"""Applicants, US classes, families: from the grant to the hit."""

import csv
import json
from pathlib import Path

import pytest
from grant_files import grant_files, grant_name, grant_xml, write_folder

from edgepatent.cli import run
from edgepatent_runtime.bundle import Bundle
from edgepatent_runtime.index import Index

OWNERS = {907292: ("Acme, Inc.", "US"), 907293: ("Acme, Inc.", "US"), 907294: ("Söhne KG", "DE")}
PARTS = """<us-parties><us-applicants><us-applicant app-type="applicant"><addressbook>
<orgname>{owner}</orgname><address><country>{country}</country></address></addressbook>
</us-applicant></us-applicants></us-parties>"""
DIVIDED = """<us-related-documents><division><relation><parent-doc><document-id>
<country>US</country><doc-number>29000001</doc-number></document-id><parent-grant-document>
<document-id><country>US</country><doc-number>D907292</doc-number></document-id>
</parent-grant-document></parent-doc></relation></division></us-related-documents>"""


@pytest.fixture(scope="module")
def grants(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("grants")
    for place, (number, (owner, country)) in enumerate(OWNERS.items()):
        parts = PARTS.format(owner=owner, country=country)
        if place == 1:
            parts = DIVIDED + parts
        end = "</us-bibliographic-data-grant>"
        text = grant_xml(number, code="0601" if place else "0602").decode()
        # Each application has its own number: one that all share would make a family.
        text = text.replace(end, parts + end).replace("29680800", f"2900000{place + 1}")
        files = grant_files(number, xml=text.encode())
        write_folder(folder / grant_name(number), files)
    return folder


@pytest.fixture(scope="module")
def index(grants: Path, tiny_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("index") / "index"
    with Index.create(folder, tiny_bundle) as made:
        made.add(grants, figures=False)
    return folder


def hits(index: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    assert run(["search", "--text", "chair", "--json", "--index", str(index), *arguments]) == 0
    return sorted(one["patent_id"] for one in json.loads(capsys.readouterr().out)["hits"])


FIRST, SECOND, THIRD = (f"USD0{number}" for number in OWNERS)


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["--applicant", "ACME"], [FIRST, SECOND]),
        (["--applicant", "sohne"], [THIRD]),
        (["--not-applicant", "Acme Inc"], [THIRD]),
        (["--country", "de"], [THIRD]),
        (["--uspc", "D28/47"], [FIRST, SECOND, THIRD]),
        (["--uspc", "D28", "--country", "US"], [FIRST, SECOND]),
        (["--uspc", "D6"], []),
        (["--family", "D907,293"], [FIRST, SECOND]),
        (["--not-family", "US D907292"], [THIRD]),
    ],
)
def test_filters(
    index: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], found: list[str]
) -> None:
    assert hits(index, capsys, *arguments) == found


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--uspc", "06-01"], "write D6-334"),
        (["--country", "Germany"], "two letters"),
        (["--applicant", "..."], "no name in"),
    ],
)
def test_what_cannot_be_filtered_by_is_one_line(
    index: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert run(["search", "--text", "chair", "--index", str(index), *arguments]) == 1
    err = capsys.readouterr().err
    assert words in err
    assert err.count("\n") == 1


def test_hits_show_the_facts_everywhere(
    index: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    search = ["search", "--text", "chair", "--index", str(index), "--family", SECOND]
    assert run([*search, "--json"]) == 0
    known = {
        one["patent_id"]: one["bibliography"] for one in json.loads(capsys.readouterr().out)["hits"]
    }
    assert known[SECOND]["applicants"] == ["Acme, Inc."]
    assert known[SECOND]["related"] == [
        {"kind": "division", "application": "US29000001", "patent": FIRST, "date": None}
    ]
    html, table = tmp_path / "x.html", tmp_path / "x.csv"
    assert run([*search, "--show", "applicant", "--show", "related", "--html", str(html),
                "--csv", str(table)]) == 0  # fmt: skip
    printed = capsys.readouterr().out
    assert "Acme, Inc." in printed
    assert f"division of {FIRST} (29/000,001)" in printed
    page = html.read_text()
    for text in ("D28-47", "29/000,002", "2019-02-20", f"division of {FIRST}"):
        assert text in page
    rows = list(csv.DictReader(table.read_text("utf-8-sig").splitlines()))
    assert {row["applicant"] for row in rows} == {"Acme, Inc."}
    assert {row["filed"] for row in rows} == {"2019-02-20"}


def test_facets_count_owners_classes_and_countries(index: Path) -> None:
    from edgepatent_runtime.search.request import Request

    with Index.open(index) as opened:
        found = opened.facets(Request(text="chair", countries=["US"]))
        assert found.applicants == {"Acme, Inc.": 2}
        assert found.countries == {"US": 2, "DE": 1}
        assert found.uspc == {"D28": 2, "D28-47": 2}
        assert opened.facets(Request(text="chair", applicants=["kg"])).applicants == {
            "Acme, Inc.": 2,
            "Söhne KG": 1,
        }


def test_a_us_class_tells_its_locarno_subclasses(
    index: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["data", "locarno", "--uspc", "D28", "--index", str(index)]) == 0
    assert capsys.readouterr().out.splitlines() == ["      2  06-01  Seats", "      1  06-02  Beds"]
    assert run(["data", "locarno", "--uspc", "D1", "--index", str(index), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []
