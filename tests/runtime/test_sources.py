import pickle
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from deeppatent2_files import write_unpacked, year_records
from grant_files import grant_files, grant_name, tar_of, tiff, week_files, write_folder
from PIL import Image

from edgepatent_runtime.errors import DrawingError, EdgepatentError, MissingExtraError, SourceError
from edgepatent_runtime.record import ImageRef, Record, Skipped
from edgepatent_runtime.sources import load, metadata, open_source, read_page
from edgepatent_runtime.sources.deeppatent2 import DeepPatent2Source
from edgepatent_runtime.sources.folder import FolderSource
from edgepatent_runtime.sources.grants import GrantSource
from edgepatent_runtime.sources.loading import load_all
from edgepatent_runtime.sources.survey import Survey, usable
from edgepatent_runtime.workers.pool import CHUNK


def test_a_spec_is_recognised_by_what_lies_there(tmp_path: Path) -> None:
    grant = write_folder(tmp_path / "grants" / grant_name(907292), grant_files(907292))
    week = tmp_path / "I20210105.tar"
    week.write_bytes(tar_of(week_files(range(907292, 907293))))
    dataset = write_unpacked(tmp_path / "2012", 2012, year_records(2012))
    plain = write_folder(tmp_path / "plain", {"a.tif": tiff(1)})
    described = write_folder(
        tmp_path / "described",
        {"metadata.csv": b"file_name,patent_id\nx.tif,D907292\n", "x.tif": tiff(1)},
    )
    write_folder(described / grant_name(907293), grant_files(907293))

    for path, kind in (
        (grant, GrantSource),
        (grant.parent, GrantSource),
        (week, GrantSource),
        (dataset, DeepPatent2Source),
        (plain, FolderSource),
        (plain / "a.tif", FolderSource),
        (described, FolderSource),
    ):
        source = open_source(str(path))
        assert isinstance(source, kind), path
        assert source.spec == str(path)
        assert source.root == str(path if path.is_dir() else path.parent)
        for record in source.records(Skipped()):
            assert record.image.path.startswith(source.root)
            assert load(record.image, 24).shape == (24, 24)


@pytest.mark.parametrize("spec", ["absent", "absent/file.png", "", "nul\0byte", "x" * 5000])
def test_what_is_not_there_is_one_line(tmp_path: Path, spec: str) -> None:
    with pytest.raises(SourceError) as caught:
        open_source(f"{tmp_path}/nowhere/{spec}")
    assert "\n" not in str(caught.value)


def test_a_compressed_tar_is_refused_with_advice(tmp_path: Path) -> None:
    path = tmp_path / "I20210105.tar.gz"
    path.write_bytes(b"\x1f\x8b\x08")
    with pytest.raises(SourceError, match="gunzip"):
        open_source(str(path))


def test_references_travel_to_other_processes(tmp_path: Path) -> None:
    week = tmp_path / "I20210105.tar"
    week.write_bytes(tar_of(week_files(range(907292, 907293))))
    for record in open_source(str(week)).records(Skipped()):
        again = pickle.loads(pickle.dumps(record.image))
        assert again == record.image
        assert np.array_equal(load(again, 32), load(record.image, 32))


def test_a_page_is_read_whole_and_a_box_cut_out(tmp_path: Path) -> None:
    path = tmp_path / "x.tif"
    path.write_bytes(tiff(1, (120, 160)))
    page = read_page(ImageRef(str(path), box=(0, 0, 10, 10)))
    assert page.shape == (160, 120)
    whole = load(ImageRef(str(path)), 32)
    part = load(ImageRef(str(path), box=(15, 25, 60, 70)), 32)
    assert not np.array_equal(whole, part)


def test_what_cannot_be_loaded_is_a_drawing_error(tmp_path: Path) -> None:
    for ref in (
        ImageRef(str(tmp_path / "absent.png")),
        ImageRef(str(tmp_path / "absent.tar"), ("a.png",)),
        ImageRef(str(tmp_path / "absent.tar"), ("a.zip", "a.png")),
        ImageRef(str(tmp_path)),
    ):
        with pytest.raises(DrawingError):
            load(ref, 32)


# --- loading many ---


@pytest.mark.parametrize(
    "error", [DrawingError("blank page", "x.png"), MissingExtraError("reading PDF", "pdf")]
)
def test_errors_travel_between_processes(error: EdgepatentError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert vars(again) == vars(error)


def records_of(folder: Path, count: int) -> list[Record]:
    """``count`` records over ten files, every seventh of them damaged or missing."""
    folder.mkdir()
    for number in range(8):
        (folder / f"{number}.tif").write_bytes(tiff(number))
    (folder / "8.tif").write_bytes(b"text")
    return [
        Record(ImageRef(str(folder / f"{number % 10}.tif")), f"P{number}")
        for number in range(count)
    ]


@pytest.mark.parametrize("workers", [1, 2])
def test_many_drawings_come_in_order_with_their_reasons(tmp_path: Path, workers: int) -> None:
    records = records_of(tmp_path / "x", 250)
    found = list(load_all(iter(records), 24, workers=workers))
    assert [record for record, _ in found] == records
    for record, drawing in found[:10] + found[-10:]:
        if isinstance(drawing, DrawingError):
            with pytest.raises(DrawingError) as caught:
                load(record.image, 24)
            assert (drawing.reason, drawing.detail) == (caught.value.reason, caught.value.detail)
        else:
            assert np.array_equal(drawing, load(record.image, 24))


def test_loading_reads_only_a_little_ahead(tmp_path: Path) -> None:
    taken = 0

    def stream() -> Iterator[Record]:
        nonlocal taken
        for record in records_of(tmp_path / "x", 2000):
            taken += 1
            yield record

    loaded = load_all(stream(), 16, workers=2)
    for _ in range(300):
        next(loaded)
    assert taken <= 300 + 6 * CHUNK
    loaded.close()


def test_whatever_goes_wrong_with_one_file_is_a_reason(tmp_path: Path) -> None:
    """One file each, and the rest comes through."""
    loop = tmp_path / "loop.png"
    loop.symlink_to(loop)
    long = tmp_path / ("n" * 300 + ".png")
    refs = [
        (ImageRef(str(loop)), "file cannot be read"),
        (ImageRef(str(long)), "file cannot be read"),
        (ImageRef(str(tmp_path / "\ud800.png")), "file cannot be read"),
        (ImageRef("synthetic:nonsense"), "drawing that cannot be generated"),
        (ImageRef(str(tmp_path / "absent.png")), "file not found"),
    ]
    records = records_of(tmp_path / "x", 8)
    for ref, _ in refs:
        records.insert(3, Record(ref, "P"))
    found = list(load_all(records, 16))
    assert [record for record, _ in found] == records
    reasons = {
        record.image: result.reason for record, result in found if isinstance(result, DrawingError)
    }
    assert reasons == dict(refs)


# --- the survey ---


def labelled(patent: str, klass: str | None, subclass: str | None, code: str | None) -> Record:
    return Record(ImageRef("x"), patent, locarno=code, klass=klass, subclass=subclass)


def test_a_survey_counts_drawings_patents_and_labels() -> None:
    survey = Survey()
    for record in (
        labelled("A", "06", "06-01", "06-01"),
        labelled("A", "06", "06-01", "06-01"),
        labelled("B", "06", "06-03", "06-03"),
        labelled("C", "06", None, "06"),
        labelled("D", None, None, "06-55"),
        labelled("E", None, None, None),
        labelled("F", "birds", "birds / owl", None),
    ):
        survey.add(record)
    skipped = Skipped()
    skipped.add("blank page", "x", 2)
    assert survey.document(skipped) == {
        "drawings": 7,
        "patents": 6,
        "classes": 2,
        "subclasses": 3,
        "unknown_locarno": 3,
        "views_per_patent": 1.17,
        "views": {"min": 1, "median": 1.0, "max": 2},
        "by_class": [
            {"label": "06", "name": "Furnishing", "patents": 3, "drawings": 4},
            {"label": "birds", "name": None, "patents": 1, "drawings": 1},
        ],
        "by_subclass": [
            {"label": "06-01", "name": "Seats", "patents": 1, "drawings": 2},
            {"label": "06-03", "name": "Tables and similar furniture", "patents": 1, "drawings": 1},
            {"label": "birds / owl", "name": None, "patents": 1, "drawings": 1},
        ],
        "skipped": {"blank page": 2},
    }


def test_a_patent_counts_when_one_of_its_drawings_can_be_used(tmp_path: Path) -> None:
    (tmp_path / "good.tif").write_bytes(tiff(1))
    (tmp_path / "bad.tif").write_bytes(b"text")
    Image.new("L", (50, 50), 255).save(tmp_path / "blank.png")
    records = [
        Record(ImageRef(str(tmp_path / name)), patent)
        for name, patent in (("good.tif", "A"), ("bad.tif", "A"), ("blank.png", "B"))
    ]
    skipped = Skipped()
    assert [r.patent_id for r in usable(records, skipped)] == ["A"]
    assert sum(skipped.counts.values()) == 2
    assert len(skipped.counts) == 2


def test_metadata_is_read_back_by_a_folder_source(tmp_path: Path) -> None:
    import msgspec

    folder = write_folder(tmp_path / "x" / grant_name(907292), grant_files(907292))
    records = list(open_source(str(folder)).records(Skipped()))
    rows = [metadata.row(record, tmp_path) for record in records]
    assert rows[0]["file_name"] == "x/USD0907292-20210105/USD0907292-20210105-D00001.TIF"
    (tmp_path / "metadata.jsonl").write_bytes(b"\n".join(map(msgspec.json.encode, rows)))
    again = list(FolderSource(tmp_path, str(tmp_path)).records(Skipped()))
    assert again == records


def test_metadata_of_a_drawing_in_an_archive_says_where_it_lies(tmp_path: Path) -> None:
    image = ImageRef("/week.tar", ("a.zip", "b.TIF"), page=2, box=(1, 2, 3, 4))
    row = metadata.row(Record(image, "A"), tmp_path)
    assert row == {
        "file_name": "/week.tar",
        "member": ["a.zip", "b.TIF"],
        "page": 3,
        "box": (1, 2, 3, 4),
        "patent_id": "A",
    }
