"""What lies beside honest drawings and is none: counted, named, and the rest comes through."""

import os
from pathlib import Path

import hostile
import pytest
from grant_files import grant_files, grant_name, write_folder

from edgepatent_runtime.bundle import Bundle
from edgepatent_runtime.collection import Collection
from edgepatent_runtime.encoder import Encoder
from edgepatent_runtime.record import Skipped
from edgepatent_runtime.sources import open_source
from edgepatent_runtime.sources.loading import load_all


@pytest.mark.parametrize(
    "xml",
    [
        hostile.xml_of_encoding("x-nobody"),
        hostile.xml_of_encoding("base64"),
        hostile.xml_laughing(),
        hostile.xml_nested(100_000),
        b"",
        b"\xff\xfe<",
    ],
)
def test_a_grant_that_cannot_be_read_costs_itself(tmp_path: Path, xml: bytes) -> None:
    write_folder(tmp_path / grant_name(907292), grant_files(907292))
    write_folder(tmp_path / grant_name(907293), grant_files(907293, xml=xml))
    write_folder(tmp_path / grant_name(907294), grant_files(907294))
    skipped = Skipped()
    records = list(open_source(str(tmp_path)).records(skipped))
    assert {record.patent_id for record in records} == {"USD0907292", "USD0907294"}
    (example,) = (
        examples[0] for reason, examples in skipped.examples.items() if reason != "front-page copy"
    )
    assert grant_name(907293) in example


def test_links_that_lead_to_themselves_are_counted(tmp_path: Path) -> None:
    for folder in (tmp_path / "plain", tmp_path / grant_name(907292)):
        folder.mkdir()
        for name in ("a.png", "metadata.jsonl", "b"):
            (folder / name).symlink_to(folder / name)
    (tmp_path / "plain" / "good.png").write_bytes(hostile.saved(hostile.figure(), "PNG"))
    skipped = Skipped()
    records = list(open_source(str(tmp_path / "plain")).records(skipped))
    assert [Path(record.image.path).name for record in records] == ["good.png"]
    assert skipped.counts["file cannot be read"] == 3
    for name, data in grant_files(907292).items():
        (tmp_path / grant_name(907292) / name).write_bytes(data)
    assert len(list(open_source(str(tmp_path / grant_name(907292))).records(Skipped()))) == 2


def test_nested_metadata_is_a_damaged_row(tmp_path: Path) -> None:
    (tmp_path / "good.png").write_bytes(hostile.saved(hostile.figure(), "PNG"))
    deep = b'{"file_name": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    (tmp_path / "metadata.jsonl").write_bytes(deep + b'\n{"file_name": "good.png"}\n')
    skipped = Skipped()
    (record,) = open_source(str(tmp_path)).records(skipped)
    assert record.image.path.endswith("good.png")
    assert skipped.counts == {"damaged metadata row": 1}


@pytest.mark.parametrize("seconds", [10_413_792_000, -86_400, -(1 << 40)])
def test_files_of_any_year_are_indexed(tmp_path: Path, tiny_bundle: Bundle, seconds: int) -> None:
    """Of 2300, of 1969, and of long before."""
    folder = tmp_path / "drawings"
    folder.mkdir()
    for number in range(3):
        picture = hostile.figure((200 + 20 * number, 160))
        (folder / f"{number}.png").write_bytes(hostile.saved(picture, "PNG"))
    try:
        os.utime(folder / "1.png", (seconds, seconds))
    except (OSError, OverflowError):
        pytest.skip("this file system knows no such year")
    source = open_source(str(folder))
    with Collection.create(tmp_path / "index", tiny_bundle) as collection:
        for want in ("added", "unchanged"):
            done = collection.add(source.records(Skipped()), Encoder(tiny_bundle), root=source.root)
            assert getattr(done, want) == 3


@pytest.mark.parametrize("seed", [1])
def test_mutated_files_cost_themselves(tmp_path: Path, seed: int) -> None:
    check_mutations(tmp_path, 8, seed)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_many_mutated_files_cost_themselves(tmp_path: Path) -> None:
    """`make fuzz` runs it with more files and a seed of your own."""
    check_mutations(
        tmp_path,
        int(os.environ.get("EDGEPATENT_FUZZ_FILES", "100")),
        int(os.environ.get("EDGEPATENT_FUZZ_SEED", "1")),
    )


def check_mutations(folder: Path, count: int, seed: int) -> None:
    """Every mutated file of every kind is a drawing or has a reason; whole ones are drawings."""
    kinds = {
        "png": hostile.saved(hostile.figure(), "PNG"),
        "jpg": hostile.saved(hostile.figure(), "JPEG"),
        "tif": hostile.saved(hostile.figure().convert("1"), "TIFF", compression="group4"),
        "tiff": hostile.group3(),
        "gif": hostile.saved(hostile.figure(), "GIF"),
        "webp": hostile.saved(hostile.figure(), "WEBP"),
        "bmp": hostile.saved(hostile.figure(), "BMP"),
        "pdf": hostile.saved(hostile.figure((1200, 1600)), "PDF", resolution=150),
    }
    for suffix, whole in kinds.items():
        if suffix != "pdf" or _reads_pdf():
            (folder / f"whole.{suffix}").write_bytes(whole)
            for number, hurt in enumerate(hostile.mutations(whole, count, seed)):
                (folder / f"{number}.{suffix}").write_bytes(hurt)
    skipped = Skipped()
    records = list(open_source(str(folder)).records(skipped))
    unread = set()
    for record, drawing in load_all(records, 32):
        if isinstance(drawing, Exception):
            unread.add(record.image.path)
            assert "cannot be read" not in drawing.reason, drawing
        else:
            assert drawing.shape == (32, 32)
    assert not [path for path in unread if Path(path).stem == "whole"]
    assert unread or len(skipped)


def _reads_pdf() -> bool:
    try:
        import pypdfium2  # noqa: F401
    except ImportError:
        return False
    return True
