"""The bibliography of a grant, in every form that the office gave it."""

from pathlib import Path

import pytest
from grant_files import grant_xml

from edgepatent_runtime.record import Bibliography, Related
from edgepatent_runtime.sources import columns
from edgepatent_runtime.sources import grant_xml as xml_reader

PERSON = "<addressbook><last-name>{}</last-name><first-name>{}</first-name>{}</addressbook>"
ADDRESS = "<address><city>X</city><country>{}</country></address>"
RELATED = """<{0}us-related-documents><division><relation>
<parent-doc><document-id><country>US</country><doc-number>29647169</doc-number>
<date>20180510</date></document-id><parent-grant-document><document-id><country>US</country>
<doc-number>D866858</doc-number></document-id></parent-grant-document></parent-doc>
<child-doc><document-id><country>US</country><doc-number>29707368</doc-number></document-id>
</child-doc></relation></division>
<us-provisional-application><document-id><country>US</country><doc-number>60123456</doc-number>
<date>20040101</date></document-id></us-provisional-application></{0}us-related-documents>"""
PRIORITY = (
    '<priority-claims><priority-claim sequence="01" kind="national"><country>JP</country>'
    "<doc-number>2004-001234</doc-number><date>20040115</date></priority-claim></priority-claims>"
)
ASSIGNEES = f"<assignees><assignee><addressbook><orgname>Acme &amp; Söhne GmbH</orgname><role>03</role>{ADDRESS.format('DE')}</addressbook></assignee></assignees>"  # noqa: E501
# Until 2012 the inventors were the applicants; since then a firm can be one.
OLD_PARTIES = (
    '<parties><applicants><applicant sequence="001" app-type="applicant-inventor" '
    f'designation="us-only">{PERSON.format("Lovelace", "Ada", ADDRESS.format("GB"))}'
    "<nationality><country>omitted</country></nationality></applicant></applicants></parties>"
)
NEW_PARTIES = (
    '<us-parties><us-applicants><us-applicant sequence="001" app-type="applicant">'
    f"<addressbook><orgname>ACME Söhne</orgname>{ADDRESS.format('DE')}</addressbook>"
    '</us-applicant></us-applicants><inventors><inventor sequence="001">'
    f"{PERSON.format('Lovelace', 'Ada', ADDRESS.format('GB'))}</inventor></inventors></us-parties>"
)
# A citation has a class and a country too: they are not the patent's own.
CITED = (
    "<us-references-cited><us-citation><patcit num='1'><document-id><country>FR</country>"
    "<doc-number>D1</doc-number></document-id></patcit><classification-national>"
    "<country>US</country><main-classification>D99 28</main-classification>"
    "</classification-national></us-citation></us-references-cited>"
)


def with_parts(*parts: str, dtd: str) -> bytes:
    text = grant_xml(707368, dtd=dtd).decode()
    end = "</us-bibliographic-data-grant>"
    return text.replace(end, "".join(parts) + end).encode()


@pytest.mark.parametrize("dtd", ["v40-2004-12-02", "v41-2005-08-25", "v42-2006-08-23"])
def test_grants_until_2012(dtd: str) -> None:
    data = with_parts(CITED, PRIORITY, RELATED.format(""), OLD_PARTIES, ASSIGNEES, dtd=dtd)
    assert xml_reader.parse(data, "x").bibliography == Bibliography(
        assignees=("Acme & Söhne GmbH",),
        inventors=("Ada Lovelace",),
        country="DE",
        uspc=("D28-47",),
        application="US29680800",
        filed="2019-02-20",
        related=(
            Related("division", "US29647169", "USD0866858", "2018-05-10"),
            Related("provisional", "US60123456", None, "2004-01-01"),
            Related("priority", "JP2004-001234", None, "2004-01-15"),
        ),
    )


@pytest.mark.parametrize("dtd", ["v43-2012-12-04", "v44-2013-05-16", "v45-2014-04-03"])
def test_grants_since_2012(dtd: str) -> None:
    known = xml_reader.parse(with_parts(CITED, NEW_PARTIES, dtd=dtd), "x").bibliography
    assert (known.applicants, known.assignees) == (("ACME Söhne",), ())
    assert (known.inventors, known.country) == (("Ada Lovelace",), "DE")
    assert known.owners == ("ACME Söhne",)


PATDOC = """<?xml version="1.0"?><PATDOC DTD="2.5"><SDOBI>
<B100><B110><DNUM><PDAT>D0470001</PDAT></DNUM></B110>
<B140><DATE><PDAT>20030211</PDAT></DATE></B140></B100>
<B200><B210><DNUM><PDAT>29150000</PDAT></DNUM></B210><B220><DATE><PDAT>20010102</PDAT></DATE>
</B220></B200>
<B300><B310><DNUM><PDAT>2001-1</PDAT></DNUM></B310><B320><DATE><PDAT>20000102</PDAT></DATE></B320>
<B330><CTRY><PDAT>JP</PDAT></CTRY></B330>
<B310><DNUM><PDAT>2001-2</PDAT></DNUM></B310><B330><CTRY><PDAT>KR</PDAT></CTRY></B330></B300>
<B500><B520><B521><PDAT>D 6334</PDAT></B521><B522><PDAT>D 6375</PDAT></B522></B520>
<B560><B561><PCIT><DOC><DNUM><PDAT>D. 1</PDAT></DNUM></DOC></PCIT></B561></B560></B500>
<B600><B630><B632><PARENT-US><CDOC><DOC><DNUM><PDAT>29/150000</PDAT></DNUM></DOC></CDOC>
<PDOC><DOC><DNUM><PDAT>29/140000</PDAT></DNUM><DATE><PDAT>20000303</PDAT></DATE>
<CTRY><PDAT>US</PDAT></CTRY></DOC></PDOC><PSTA><PDAT>01</PDAT></PSTA>
<PPUB><DOC><DNUM><PDAT>D450000</PDAT></DNUM></DOC></PPUB></PARENT-US></B632></B630></B600>
<B700><B720><B721><PARTY-US><NAM><FNM><PDAT>Grace</PDAT></FNM><SNM><STEXT><PDAT>Hopper</PDAT>
</STEXT></SNM></NAM><ADR><CITY><PDAT>Reno</PDAT></CITY><STATE><PDAT>NV</PDAT></STATE></ADR>
</PARTY-US></B721></B720>
<B730><B731><PARTY-US><NAM><ONM><STEXT><PDAT>Acme, Inc.</PDAT></STEXT></ONM></NAM>
<ADR><CITY><PDAT>Reno</PDAT></CITY><STATE><PDAT>NV</PDAT></STATE></ADR></PARTY-US></B731></B730>
<B740><B741><PARTY-US><NAM><ONM><STEXT><PDAT>Agents LLP</PDAT></STEXT></ONM></NAM></PARTY-US>
</B741></B740></B700></SDOBI></PATDOC>"""


def test_grants_of_the_sgml_era() -> None:
    found = xml_reader.parse(PATDOC.encode(), "x")
    assert found.number == "D0470001"
    assert found.bibliography == Bibliography(
        assignees=("Acme, Inc.",),
        inventors=("Grace Hopper",),
        country="US",
        uspc=("D6-334", "D6-375"),
        application="US29150000",
        filed="2001-01-02",
        related=(
            Related("continuation-in-part", "US29140000", "USD0450000", "2000-03-03"),
            Related("priority", "JP2001-1", None, "2000-01-02"),
            Related("priority", "KR2001-2"),
        ),
    )


def test_a_swollen_front_page_costs_its_own_facts_only() -> None:
    flood = "<us-parties>" + "<x/>" * 30_000 + "</us-parties>"
    found = xml_reader.parse(with_parts(flood, dtd="v45-2014-04-03"), "x")
    assert (found.title, found.bibliography.uspc) == ("Chair & table", ("D28-47",))


def test_real_grants(shared: Path) -> None:
    files = sorted((shared / "data/uspto-grants").glob("*/*.XML"))
    known = {
        file.stem[:10]: xml_reader.parse(file.read_bytes(), "x").bibliography for file in files
    }
    assert len(known) == 50
    for one in known.values():
        assert one.owners
        assert one.inventors
        assert one.uspc
        assert one.application
        assert one.filed
        assert one.country is not None
    related = [one for one in known.values() if any(r.kind != "priority" for r in one.related)]
    assert len(related) == 12
    assert known["USD0910058"].uspc == ("D14-486", "D14-492")
    assert known["USD0907293"].related[0] == Related(
        "division", "US29647169", "USD0866858", "2018-05-10"
    )
    old = (shared / "data/uspto-misc/USD435854S1.xml").read_bytes()
    first = xml_reader.parse(old, "x").bibliography
    assert first.assignees[0] == "Hitachi Maxell, Ltd."
    assert (first.country, first.uspc, first.filed) == ("JP", ("D14-480",), "1999-01-06")
    assert len(first.inventors) == 8


def test_columns_are_read_back_as_they_were_written() -> None:
    known = xml_reader.parse(PATDOC.encode(), "x").bibliography
    row = {
        name: "; ".join(value) if isinstance(value, list) else str(value)
        for name, value in columns.write(known).items()
    }
    again = columns.read(row)
    assert again.related == (
        Related("continuation-in-part", "US29140000"),
        Related("continuation-in-part", patent="USD0450000"),
        Related("priority", "JP2001-1"),
        Related("priority", "KR2001-2"),
    )
    assert again.completed(Bibliography()) == again
    for name in ("assignees", "inventors", "country", "uspc", "application", "filed"):
        assert getattr(again, name) == getattr(known, name)


def test_columns_that_say_nothing() -> None:
    assert not columns.read({"patent_id": "D1", "applicant": ""})
    assert not columns.read({"country": "Deutschland", "filed": "soon", "uspc": "348143"})
    assert columns.read({"related": "USD866858, Jr."}).related == (
        Related("related", application="USD866858, Jr."),
    )
