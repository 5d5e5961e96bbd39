import io
import json
import os
import tarfile
import tracemalloc
import zipfile
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
from deeppatent2_files import (
    QUIRKS,
    image_names,
    png,
    record,
    tar_gz,
    write_parts,
    write_unpacked,
    year_records,
    year_zip,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from edgepatent_runtime.errors import InputError, SourceError
from edgepatent_runtime.progress import silent
from edgepatent_runtime.record import Record, Skipped
from edgepatent_runtime.sources import (
    deeppatent2,
    deeppatent2_unpack,
    json_stream,
    load,
    open_source,
)
from edgepatent_runtime.sources.deeppatent2_unpack import find_years, space_needed, unpack


def read(spec: object) -> tuple[list[Record], Skipped]:
    skipped = Skipped()
    return list(open_source(str(spec)).records(skipped)), skipped


@pytest.mark.parametrize("year", QUIRKS)
def test_every_years_folders(tmp_path: Path, year: int) -> None:
    folder = write_unpacked(tmp_path / str(year), year, year_records(year))
    records, skipped = read(folder)
    assert not len(skipped)
    assert len(records) == 12
    assert len({r.patent_id for r in records}) == 3
    first, unmatched = records[:2]
    assert first.patent_id == f"USD{10_000 * (year - 1950):07}"
    assert (first.figure, first.view, first.title) == ("1", "perspective", "Chair")
    assert (first.locarno, first.klass, first.subclass) == ("06-01", "06", "06-01")
    assert first.date == f"{year}-01-02"
    assert (unmatched.figure, unmatched.view, unmatched.text) == (None, None, None)
    assert unmatched.image.path.endswith("_9991.png")
    assert all(load(r.image, 16).shape == (16, 16) for r in records)


def test_whole_sheets(tmp_path: Path) -> None:
    records = [*year_records(2012), record(620_900, 2012, 1, 1)]
    folder = write_unpacked(tmp_path, 2012, records)
    sheets, skipped = read(f"deeppatent2:{folder},figures=sheets")
    assert not len(skipped)
    assert len(sheets) == 7
    # Two figures on a sheet: it has no number of its own. One: it has.
    assert [s.figure for s in sheets] == [None] * 6 + ["1"]
    assert all("_" not in Path(s.image.path).name for s in sheets)


@pytest.mark.parametrize("folder_name", ["USD0620000-20120102", "USD0620000"])
def test_folders_of_patents(tmp_path: Path, folder_name: str) -> None:
    one = record(620_000, 2012, 1, 1)
    folder = write_unpacked(tmp_path, 2012, [one])
    place = folder / "deep/er" / folder_name
    place.mkdir(parents=True)
    [image] = folder.rglob(one["subfigure_file"])
    image.rename(place / image.name)
    records, skipped = read(folder)
    assert [r.image.path for r in records] == [str(place / image.name)]
    assert not len(skipped)


def test_several_years_in_one_folder(tmp_path: Path) -> None:
    for year in QUIRKS:
        write_unpacked(tmp_path / str(year), year, year_records(year))
    records, skipped = read(tmp_path)
    assert not len(skipped)
    assert Counter(r.date and r.date[:4] for r in records) == dict.fromkeys(map(str, QUIRKS), 12)


def test_a_second_description_of_the_same_year_is_not_read(tmp_path: Path) -> None:
    records = year_records(2007)
    folder = write_unpacked(tmp_path, 2007, records)
    (folder / "segmentation_2007.json").write_text(json.dumps(records))
    assert len(read(folder)[0]) == 12
    (folder / "design_2007.json").unlink()
    assert len(read(folder)[0]) == 12


def test_the_part_of_2019_is_read_besides_the_year(tmp_path: Path) -> None:
    folder = write_unpacked(tmp_path, 2019, year_records(2019))
    extra = record(699_999, 2019, 1, 1)
    (folder / "design2019part3.json").write_text(json.dumps([extra]))
    (folder / extra["subfigure_file"]).write_bytes(png(1))
    records, skipped = read(folder)
    assert len(records) == 13
    assert not len(skipped)


@pytest.mark.parametrize(
    ("value", "code", "klass"),
    [
        ("1403", "14-03", "14"),
        (1403, "14-03", "14"),
        (603, "06-03", "06"),
        ("06-03", "06-03", "06"),
        ("None", None, None),
        (None, None, None),
        ("ABSENT", None, None),
        ("2613", "26-13", None),  # one of the codes that do not exist
        ("D14", None, None),
        ([1403], "14-03", "14"),
        ({"main": 1403}, None, None),
    ],
)
def test_locarno_codes_are_checked(
    tmp_path: Path, value: Any, code: str | None, klass: str | None
) -> None:
    one = record(620_000, 2012, 1, 1, classification_locarno=value)
    records, _ = read(write_unpacked(tmp_path, 2012, [one]))
    assert [(r.locarno, r.klass) for r in records] == [(code, klass)]


FIELDS = sorted(record(1, 2012, 1, 1))


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("value", ["ABSENT", None, "", 7, "7", [], {}, True, -1.5])
def test_any_field_may_be_missing_or_of_another_type(
    tmp_path: Path, field: str, value: Any
) -> None:
    whole = record(620_000, 2012, 1, 1)
    folder = write_unpacked(tmp_path, 2012, [whole])
    broken = record(620_000, 2012, 1, 1, **{field: value})
    (folder / "design2012.json").write_text(json.dumps([broken]))
    records, skipped = read(folder)
    assert len(records) + len(skipped) == 1
    if field == "subfigure_file":
        assert set(skipped.counts) <= {"record without an image", "file not found"}
        assert len(skipped) == 1
    elif field == "patentID" and value not in (7, "7", -1.5):
        assert records[0].patent_id == "USD0620000"  # the image's name says it too
    elif field != "patentID":
        assert records[0].patent_id == "USD0620000"


def test_half_surrogates_are_replaced(tmp_path: Path) -> None:
    one = record(620_000, 2012, 1, 1, object_title="Ch\ud800air", caption="\udfff")
    records, _ = read(write_unpacked(tmp_path, 2012, [one]))
    assert records[0].title == "Ch?air"
    assert msgspec.json.decode(msgspec.json.encode(records[0]), type=Record) == records[0]


def test_records_that_cannot_be_used_are_counted(tmp_path: Path) -> None:
    good = record(620_000, 2012, 1, 1)
    folder = write_unpacked(tmp_path, 2012, [good])
    front = record(620_000, 2012, 0, 1)
    (folder / front["subfigure_file"]).write_bytes(png(1))
    rows = [
        good,
        good,
        None,
        "text",
        record(620_000, 2012, 2, 1),
        record(1, 2012, 1, 1, subfigure_file="a.png", patentID=None),
        record(1, 2012, 1, 1, subfigure_file="../../../etc/passwd"),
        front,
    ]
    (folder / "design2012.json").write_text(json.dumps(rows))
    records, skipped = read(folder)
    assert len(records) == 1
    assert skipped.counts == {
        "duplicate drawing": 1,
        "record that is no object": 2,
        "file not found": 2,
        "record without a patent id": 1,
        "front-page copy": 1,
    }


@pytest.mark.parametrize("cut", [0.2, 0.7, 0.99])
def test_json_cut_short_gives_what_came_before(tmp_path: Path, cut: float) -> None:
    folder = write_unpacked(tmp_path, 2012, year_records(2012))
    file = folder / "design2012.json"
    file.write_bytes(file.read_bytes()[: int(cut * file.stat().st_size)])
    records, skipped = read(folder)
    assert len(records) == int(cut * 12)
    assert skipped.counts == {"damaged JSON": 1}


def test_the_spec_is_checked(tmp_path: Path) -> None:
    for spec in (f"deeppatent2:{tmp_path}/absent", f"deeppatent2:{tmp_path},figures=all"):
        with pytest.raises(SourceError):
            open_source(spec)
    with pytest.raises(SourceError, match="edgepatent data deeppatent2"):
        read(f"deeppatent2:{tmp_path}")


def test_memory_does_not_grow_with_records_or_patents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_stream, "_CHUNK", 1 << 14)
    monkeypatch.setattr(deeppatent2, "_REMEMBERED", 64)

    def written(patents: int) -> Path:
        folder = tmp_path / str(patents)
        rows = [record(patent, 2012, 1, 1) for patent in range(600_000, 600_000 + patents)]
        for row in rows:
            place = folder / "segmented" / row["patentID"]
            place.mkdir(parents=True)
            (place / row["subfigure_file"]).touch()
        (folder / "design2012.json").write_text(json.dumps(rows))
        return folder

    def peak(folder: Path) -> int:
        tracemalloc.start()
        for _ in open_source(str(folder)).records(Skipped()):
            pass
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    few, many = written(100), written(600)
    # The better of two: imports, and the interpreter's table of interned names, grow once.
    assert min(peak(many) for _ in range(2)) < 1.2 * min(peak(few) for _ in range(2))


# --- the JSON stream ---


def elements(text: str) -> list[Any]:
    return list(json_stream.elements(io.StringIO(text), "x"))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(values=st.lists(JSON), indent=st.none() | st.integers(0, 2), chunk=st.integers(1, 40))
def test_elements_are_those_of_the_array(values: list[Any], indent: int | None, chunk: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_stream, "_CHUNK", chunk)
        assert elements(json.dumps(values, indent=indent)) == values


def test_objects_one_a_line_will_do() -> None:
    assert elements('{"a": 1}\n{"a": 2}\n') == [{"a": 1}, {"a": 2}]
    assert elements("") == elements("[]") == elements(" [ ] ") == []


@pytest.mark.parametrize("text", ["[1, 2", "[1, 2, {", "[1, 2, x]", '[1, 2, {"a" 1}]', "[1, 2 \0"])
def test_damage_is_told_after_the_elements_before_it(text: str) -> None:
    seen = []
    with pytest.raises(SourceError, match="after 2 records"):
        seen.extend([*json_stream.elements(io.StringIO(text), "x")])
    stream = json_stream.elements(io.StringIO(text), "x")
    assert [next(stream), next(stream)] == [1, 2]


def test_deep_nesting_and_endless_elements_are_damage(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SourceError):
        elements("[" * 200_000)
    monkeypatch.setattr(json_stream, "MOST_CHARACTERS", 1000)
    monkeypatch.setattr(json_stream, "_CHUNK", 100)
    with pytest.raises(SourceError, match="after 1 records"):
        elements('[1, "' + "x" * 5000 + '"]')


# --- joining and unpacking ---


def unpack_all(
    folder: Path, contents: deeppatent2_unpack.Contents = "both"
) -> tuple[list[deeppatent2_unpack.Unpacked], Skipped]:
    skipped = Skipped()
    years = find_years(folder)
    return [unpack(folder, year, contents, skipped, silent) for year in years], skipped


def files_below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("year", QUIRKS)
@pytest.mark.parametrize("parts", [1, 3, 7])
def test_parts_are_joined_and_unpacked(tmp_path: Path, year: int, parts: int) -> None:
    rows = year_records(year)
    write_parts(tmp_path, year, year_zip(year, rows), parts)
    done, skipped = unpack_all(tmp_path)
    assert done == [(6 + 12, 0)]
    assert not len(skipped)
    records, skipped = read(tmp_path)
    assert len(records) == 12
    assert not len(skipped)
    assert len(read(f"deeppatent2:{tmp_path},figures=sheets")[0]) == 6
    # Again: nothing to do. With an image gone and no mark that all is done: just that one.
    assert unpack_all(tmp_path)[0] == [(0, 0)]
    Path(records[3].image.path).unlink()
    for mark in (tmp_path / str(year)).glob(".segmented*.done"):
        mark.unlink()
    assert unpack_all(tmp_path)[0] == [(1, 11)]


def test_only_what_is_asked_for_is_unpacked(tmp_path: Path) -> None:
    write_parts(tmp_path, 2012, year_zip(2012, year_records(2012)))
    assert unpack_all(tmp_path, "segmented")[0] == [(12, 0)]
    assert not (tmp_path / "2012/original").exists()
    assert unpack_all(tmp_path, "sheets")[0] == [(6, 0)]


def test_years_are_found_in_folders_of_their_own(tmp_path: Path) -> None:
    for year in QUIRKS:
        write_parts(tmp_path / f"{year}", year, year_zip(year, year_records(year)))
    assert [year.name for year in find_years(tmp_path)] == ["2007", "2012", "2019"]
    assert len(unpack_all(tmp_path)[0]) == 3
    assert len(read(tmp_path)[0]) == 36


def test_a_missing_part_is_named(tmp_path: Path) -> None:
    write_parts(tmp_path, 2012, year_zip(2012, year_records(2012)), 4)
    (tmp_path / "2012.ab").unlink()
    with pytest.raises(SourceError, match=r"2012\.ab is missing"):
        find_years(tmp_path)
    (tmp_path / "2012.aa").unlink()
    with pytest.raises(SourceError, match=r"2012\.aa is missing"):
        find_years(tmp_path)
    with pytest.raises(SourceError, match="no part of DeepPatent2"):
        find_years(tmp_path / "absent")


def test_a_missing_last_part_is_explained(tmp_path: Path) -> None:
    write_parts(tmp_path, 2012, year_zip(2012, year_records(2012)), 4)
    (tmp_path / "2012.ad").unlink()
    with pytest.raises(SourceError, match=r"is 2012\.ac the last part"):
        unpack_all(tmp_path)


def test_an_archive_cut_short_keeps_what_came_before_and_goes_on_later(tmp_path: Path) -> None:
    rows = year_records(2012, patents=40)
    whole = tar_gz(image_names(rows)[1], "s")
    members = {"2012/design2012.json": json.dumps(rows).encode()}

    def write(data: bytes) -> None:
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            for name, content in {**members, "2012/Segmented.tar.gz": data}.items():
                archive.writestr(name, content)
        write_parts(tmp_path, 2012, out.getvalue())

    write(whole[: len(whole) // 2])
    with pytest.raises(SourceError, match="cut short"):
        unpack_all(tmp_path)
    present = len(read(tmp_path)[0])
    assert 0 < present < 160
    write(whole)
    done, _ = unpack_all(tmp_path)
    assert done == [(160 - present, present)]
    assert not [name for name in files_below(tmp_path) if name.endswith(".part")]


def hostile_tar() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:

        def add(name: str, data: bytes = b"x", kind: bytes = tarfile.REGTYPE) -> None:
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "/etc/passwd"
            member.size = len(data) if kind == tarfile.REGTYPE else 0
            archive.addfile(member, io.BytesIO(data))

        add("../../../escape.png")
        add("/absolute.png")
        add("C:\\windows\\x.png")
        add("..")
        add(".hidden.png")
        add("program.sh")
        add("link.png", kind=tarfile.SYMTYPE)
        add("hard.png", kind=tarfile.LNKTYPE)
        add("device.png", kind=tarfile.CHRTYPE)
        add("huge.png", bytes(2000))
        add("USD0620000-20120102-D00001_1.png", png(1))
    return out.getvalue()


def test_nothing_is_written_outside_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deeppatent2_unpack, "IMAGE_LIMIT", 1000)
    folder = tmp_path / "deep/er"
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("../../../design2012.json", json.dumps([record(620_000, 2012, 1, 1)]))
        archive.writestr("../Segmented.tar.gz", hostile_tar())
        archive.writestr("../../evil.sh", "x")
    write_parts(folder, 2012, out.getvalue())
    before = files_below(tmp_path)
    _, skipped = unpack_all(folder)
    new = files_below(tmp_path) - before
    assert all(name.startswith("deep/er/2012/") for name in new)
    assert {name.rpartition("/")[2] for name in new if ".done" not in name} == {
        "design2012.json",
        "escape.png",
        "absolute.png",
        "x.png",
        "USD0620000-20120102-D00001_1.png",
    }
    assert skipped.counts == {
        "not an image": 3,
        "link or device in an archive": 3,
        "image over the size limit": 1,
        "unknown member of the ZIP": 1,
    }
    assert len(read(folder)[0]) == 1


def test_a_bomb_is_stopped(tmp_path: Path) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for number in range(60):
            member = tarfile.TarInfo(f"{number}.png")
            member.size = 1 << 20
            archive.addfile(member, io.BytesIO(bytes(1 << 20)))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive_of_year:
        archive_of_year.writestr("Original.tar.gz", out.getvalue())
    write_parts(tmp_path, 2012, packed.getvalue())
    with pytest.raises(SourceError, match="more than 20 times its size"):
        unpack_all(tmp_path)
    written = sum(path.stat().st_size for path in tmp_path.rglob("*.png"))
    assert written <= 20 << 20


def test_json_that_swells_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deeppatent2_unpack, "DESCRIPTION_LIMIT", 100)
    write_parts(tmp_path, 2012, year_zip(2012, year_records(2012)))
    done, skipped = unpack_all(tmp_path)
    assert done == [(18, 0)]
    assert skipped.counts == {"JSON over the size limit": 1}
    assert not list(tmp_path.rglob("*.json"))


def test_free_space(tmp_path: Path) -> None:
    data = year_zip(2012, year_records(2012))
    write_parts(tmp_path, 2012, data)
    [year] = find_years(tmp_path)
    both = space_needed(tmp_path, year, "both")
    assert 0 < both < 2 * len(data)
    assert 0 < space_needed(tmp_path, year, "segmented") < both
    unpack_all(tmp_path)
    assert space_needed(tmp_path, year, "both") == 0


def test_a_full_disk_is_one_line_and_leaves_no_half_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_parts(tmp_path, 2012, year_zip(2012, year_records(2012)))
    done = 0
    replace = Path.replace

    def full(self: Path, target: Path) -> Path:
        nonlocal done
        done += 1
        if done > 5:
            raise OSError(28, os.strerror(28))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(InputError, match="is full"):
        unpack_all(tmp_path)
    assert not [name for name in files_below(tmp_path) if name.endswith(".part")]
    monkeypatch.undo()
    # The JSON file and four images were there.
    assert unpack_all(tmp_path)[0] == [(18 - 4, 4)]


@settings(max_examples=60, deadline=None)
@given(
    edits=st.lists(st.tuples(st.integers(0, 30_000), st.integers(0, 255)), min_size=1, max_size=5)
)
def test_damaged_parts_are_reported_in_our_words(
    tmp_path_factory: pytest.TempPathFactory, edits: list[tuple[int, int]]
) -> None:
    folder = tmp_path_factory.mktemp("parts")
    data = bytearray(ZIP)
    for place, value in edits:
        data[place % len(data)] = value
    write_parts(folder, 2012, bytes(data))
    with suppress(SourceError):
        unpack_all(folder)
    assert all(name.startswith("2012") for name in files_below(folder))


ZIP = year_zip(2012, year_records(2012))
