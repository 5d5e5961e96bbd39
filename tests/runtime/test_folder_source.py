"""Folders of drawings, hostile ones included."""

import io
import os
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgepatent_runtime.errors import SourceError
from edgepatent_runtime.record import Record, Skipped
from edgepatent_runtime.sources.folder import FolderSource, shown


def picture(kind: str = "PNG", **options: object) -> bytes:
    page = np.full((60, 80), 255, np.uint8)
    page[10:50, 20:60] = 0
    file = io.BytesIO()
    Image.fromarray(page).save(file, kind, **options)
    return file.getvalue()


PNG = picture()


def write(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(PNG)


def read(folder: Path) -> tuple[list[Record], dict[str, int]]:
    skipped = Skipped()
    records = list(FolderSource(folder, str(folder)).records(skipped))
    return records, dict(skipped.counts)


def names(records: list[Record], folder: Path) -> list[str]:
    return [str(Path(record.image.path).relative_to(folder)) for record in records]


def test_the_folder_names_the_patent(tmp_path: Path) -> None:
    write(tmp_path, "D907,292/b.png", "D907,292/a.PNG", "chairs/eames/1.png", "loose.png")
    records, skipped = read(tmp_path)
    assert names(records, tmp_path) == [
        "D907,292/a.PNG",
        "D907,292/b.png",
        "chairs/eames/1.png",
        "loose.png",
    ]
    assert [r.patent_id for r in records] == ["USD0907292", "USD0907292", "eames", tmp_path.name]
    assert not skipped
    assert FolderSource(tmp_path, "spec").spec == "spec"
    assert FolderSource(tmp_path, "spec").root == str(tmp_path)


def test_file_names_of_the_uspto_name_patent_and_date(tmp_path: Path) -> None:
    write(
        tmp_path,
        "all/USD0871717-20200107-D00002.png",
        "all/USD0871717-20200107-D00000.png",
        "all/USD0871719-20200107-D00005_1.png",
    )
    records, skipped = read(tmp_path)
    assert [(r.patent_id, r.date) for r in records] == [
        ("USD0871717", "2020-01-07"),
        ("USD0871719", "2020-01-07"),
    ]
    assert skipped == {"front-page copy": 1}


def test_metadata_csv(tmp_path: Path) -> None:
    write(tmp_path, "x/1.png", "x/2.png", "3.png")
    (tmp_path / "metadata.csv").write_text(
        "file_name,patent_id,locarno,class,subclass,figure,view,title,date\n"
        'x/1.png,"US D907,292 S",0601,,,2,front,Chair,"Jan. 5, 2021"\n'
        "x/2.png,Des. 907292,6-1,furniture,stools,,,,\n"
        "3.png,my own id,99-99,,,,,,yesterday\n"
    )
    records, skipped = read(tmp_path)
    assert not skipped
    first, second, third = records
    assert first == Record(
        image=first.image,
        patent_id="USD0907292",
        locarno="06-01",
        klass="06",
        subclass="06-01",
        figure="2",
        view="front",
        title="Chair",
        date="2021-01-05",
    )
    assert (second.patent_id, second.locarno) == ("USD0907292", "06-01")
    assert (second.klass, second.subclass) == ("furniture", "stools")
    # A code that was never legal keeps its drawing and gives no labels.
    assert (third.patent_id, third.locarno) == ("my own id", "99-99")
    assert (third.klass, third.subclass, third.date) == (None, None, None)


def test_metadata_jsonl_with_loose_types(tmp_path: Path) -> None:
    write(tmp_path, "1.png", "2.png")
    (tmp_path / "metadata.jsonl").write_text(
        '{"file_name": "1.png", "patent_id": 907292, "locarno": 601, "title": null, "figure": 3}\n'
        "\n"
        '{"file_name": "2.png", "patent_id": "D907293",\n'
        "[1, 2]\n"
        '{"patent_id": "D907293"}\n'
    )
    records, skipped = read(tmp_path)
    (record,) = records
    assert (record.patent_id, record.locarno, record.figure) == ("907292", "06-01", "3")
    assert skipped == {
        "damaged metadata row": 2,
        "metadata row without file_name": 1,
        "image without a metadata row": 1,
    }


def test_metadata_below_describes_its_own_folder(tmp_path: Path) -> None:
    write(tmp_path, "a/1.png", "b/2.png")
    (tmp_path / "a/metadata.csv").write_text("file_name,patent_id\n1.png,D907292\n")
    records, skipped = read(tmp_path)
    assert [r.patent_id for r in records] == ["USD0907292", "b"]
    assert not skipped


def test_bad_rows_are_counted_and_the_rest_goes_on(tmp_path: Path) -> None:
    write(tmp_path, "in/1.png", "in/2.png", "in/3.png", "out.png")
    (tmp_path / "in/metadata.csv").write_bytes(
        b"\xef\xbb\xbfFile_Name,patent_id,title\r\n"
        b"absent.png,D907292,x\r\n"
        b"1.png,D907292,caf\xe9\r\n"
        b"./1.png,D907293,again\r\n"
        b",D907292,no name\r\n"
        b"../out.png,D907292,out\r\n"
        b"/etc/passwd,D907292,out\r\n"
        b"caf\xe9.png,D907292,bytes\r\n"
        b"\r\n"
        b"2.png\r\n"
    )
    records, skipped = read(tmp_path / "in")
    assert names(records, tmp_path / "in") == ["1.png", "2.png"]
    assert [r.patent_id for r in records] == ["USD0907292", "in"]
    assert records[0].title == r"caf\xe9"
    assert skipped == {
        "file not found": 1,
        "duplicate metadata row": 1,
        "metadata row without file_name": 1,
        "metadata row that leads out of its folder": 2,
        "name that is not UTF-8": 1,
        "image without a metadata row": 1,
    }


def test_metadata_without_file_names(tmp_path: Path) -> None:
    write(tmp_path, "below/1.png", "2.png")
    (tmp_path / "below/metadata.csv").write_text("name,patent_id\n1.png,x\n")
    with pytest.raises(SourceError, match="has no column file_name"):
        read(tmp_path / "below")
    # One broken folder among others does not stop them.
    records, skipped = read(tmp_path)
    assert names(records, tmp_path) == ["2.png"]
    assert skipped == {"metadata that cannot be read": 1}


def test_csv_with_a_field_that_never_ends(tmp_path: Path) -> None:
    write(tmp_path, "1.png", "2.png")
    (tmp_path / "metadata.csv").write_text(
        f"file_name,patent_id\n1.png,a\n2.png,{'b' * 200_000}\n2.png,c\n"
    )
    records, skipped = read(tmp_path)
    assert [r.patent_id for r in records] == ["a", "c"]
    assert skipped == {"damaged metadata row": 1}


def test_pages_of_a_tiff_are_records(tmp_path: Path) -> None:
    page = Image.open(io.BytesIO(PNG)).convert("1")
    data = picture("TIFF", save_all=True, append_images=[page, page])
    (tmp_path / "many.tif").write_bytes(data)
    (tmp_path / "cut.tif").write_bytes(data[:5])
    (tmp_path / "one.tiff").write_bytes(picture("TIFF"))
    records, skipped = read(tmp_path)
    assert [(Path(r.image.path).name, r.image.page) for r in records] == [
        ("many.tif", 0),
        ("many.tif", 1),
        ("many.tif", 2),
        ("one.tiff", 0),
    ]
    assert skipped == {"damaged or truncated image": 1}


def test_what_is_no_drawing_is_counted(tmp_path: Path) -> None:
    write(tmp_path, "1.png", ".hidden.png", ".git/2.png", "__MACOSX/3.png")
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "LICENSE").write_text("x")
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "gone.png").symlink_to(tmp_path / "nothing")
    records, skipped = read(tmp_path)
    assert names(records, tmp_path) == ["1.png"]
    assert skipped == {"hidden file or folder": 3, "not an image": 2, "not a regular file": 2}


def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    write(tmp_path, "1.png")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.png")).write_bytes(PNG)
    skipped = Skipped()
    records = list(FolderSource(tmp_path, str(tmp_path)).records(skipped))
    assert names(records, tmp_path) == ["1.png"]
    assert skipped.counts == {"name that is not UTF-8": 1}
    (example,) = skipped.examples["name that is not UTF-8"]
    assert example.encode().endswith(rb"caf\xe9.png")
    with pytest.raises(SourceError, match="not UTF-8: rename it"):
        read(Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff")))


def test_links_are_followed_but_not_round_in_circles(tmp_path: Path) -> None:
    write(tmp_path / "data", "a/1.png")
    write(tmp_path / "elsewhere", "2.png")
    (tmp_path / "data/a/up").symlink_to(tmp_path / "data")
    (tmp_path / "data/more").symlink_to(tmp_path / "elsewhere")
    records, skipped = read(tmp_path / "data")
    assert names(records, tmp_path / "data") == ["a/1.png", "more/2.png"]
    assert skipped == {"link back to a folder around it": 1}


def test_empty_folder_and_single_files(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="holds no drawings"):
        read(tmp_path)
    write(tmp_path, "D907292/1.png", "D907292/picture")
    (tmp_path / "text").write_text("x")
    for name in ("1.png", "picture"):
        (record,), skipped = read(tmp_path / "D907292" / name)
        assert record.patent_id == "USD0907292"
        assert FolderSource(tmp_path / "D907292" / name, "").root == str(tmp_path / "D907292")
        assert not skipped
    records, skipped = read(tmp_path / "text")
    assert not records
    assert skipped == {"not an image": 1}


def test_both_kinds_of_metadata(tmp_path: Path) -> None:
    write(tmp_path, "1.png")
    (tmp_path / "metadata.csv").write_text("file_name,patent_id\n1.png,a\n")
    (tmp_path / "metadata.jsonl").write_text('{"file_name": "1.png", "patent_id": "b"}\n')
    records, skipped = read(tmp_path)
    assert [r.patent_id for r in records] == ["a"]
    assert skipped == {"second metadata file": 1}


def test_the_first_record_comes_before_the_last_row_is_read(tmp_path: Path) -> None:
    write(tmp_path, "1.png")
    with (tmp_path / "metadata.csv").open("w") as file:
        file.write("file_name,patent_id\n")
        file.writelines("1.png,a\n" for _ in range(400_000))
    start = time.process_time()
    stream = FolderSource(tmp_path, "").records(Skipped())
    assert next(stream).patent_id == "a"
    assert time.process_time() - start < 0.5


def test_shown_is_always_text() -> None:
    assert shown("plain ü") == "plain ü"
    assert shown(os.fsdecode(b"caf\xe9")) == r"caf\xe9"


def test_real_sheets_and_icons(shared: Path) -> None:
    records, skipped = read(shared / "data" / "uspto-sheets")
    assert (len(records), len({r.patent_id for r in records})) == (279, 42)
    assert not skipped
    assert records[0].patent_id == "USD0538119"
    assert (records[0].locarno, records[0].date) == ("07-99", "2007-03-13")
    assert all(r.klass and r.title and r.date for r in records)
    records, skipped = read(shared / "data" / "icons")
    assert (len(records), len({r.patent_id for r in records})) == (6048, 1512)
    assert len({r.klass for r in records}) == 18
    assert not skipped
    records, skipped = read(shared / "data" / "deeppatent2-sheets")
    assert (len(records), len({r.patent_id for r in records})) == (15, 11)


def test_a_subfolder_is_described_by_the_metadata_above_it(tmp_path: Path) -> None:
    rows = ["file_name,patent_id,title"]
    for name in ("a/one.png", "a/deep/two.png", "ab/three.png", "a/four.png"):
        write(tmp_path / "set", name)
        rows.append(f"{name},D{len(rows)},{name}")
    write(tmp_path / "set", "a/unlisted.png", "b/nobody.png")
    (tmp_path / "set" / "metadata.csv").write_text("\n".join(rows[:4]) + "\n")
    source = FolderSource(tmp_path / "set" / "a", "a")
    assert source.described_by == tmp_path / "set" / "metadata.csv"
    # Its files are the same files as where the whole set is named.
    assert source.root == str(tmp_path / "set")
    skipped = Skipped()
    assert [one.title for one in source.records(skipped)] == ["a/one.png", "a/deep/two.png"]
    assert skipped.counts == {"image without a metadata row": 2}
    deep = FolderSource(tmp_path / "set" / "a" / "deep", "deep")
    assert [one.patent_id for one in deep.records(Skipped())] == ["D2"]
    other = FolderSource(tmp_path / "set" / "b", "b")
    assert other.described_by is None
    assert [one.patent_id for one in other.records(Skipped())] == ["b"]
