import io
import os
import stat
import tarfile
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from grant_files import tar_of, zip_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgepatent_runtime.errors import DrawingError, SourceError
from edgepatent_runtime.sources import archive

FILES = {"a.txt": b"alpha" * 100, "folder/b.txt": b"beta" * 1000, "empty": b""}


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(("suffix", "pack"), [(".tar", tar_of), (".zip", zip_of)])
def test_members_are_read_in_place(
    tmp_path: Path, suffix: str, pack: Callable[[dict[str, bytes]], bytes]
) -> None:
    path = written(tmp_path / f"x{suffix}", pack(FILES))
    opened = archive.open_archive(path)
    assert opened.sizes == {name: len(data) for name, data in FILES.items()}
    assert not len(opened.skipped)
    for name, data in FILES.items():
        assert archive.read(path, (name,)) == data
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_a_zip_in_a_tar_is_read_in_place(tmp_path: Path) -> None:
    path = written(tmp_path / "x.tar", tar_of({"in/inner.zip": zip_of(FILES)}))
    assert archive.read(path, ("in/inner.zip", "folder/b.txt")) == FILES["folder/b.txt"]
    with pytest.raises(DrawingError, match="nested too deeply"):
        archive.read(path, ("in/inner.zip", "x.zip", "y"))


def test_of_members_of_one_name_the_last_counts_as_it_does_when_unpacked(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile's own, which we do not need told
        with zipfile.ZipFile(tmp_path / "x.zip", "w") as packed:
            for data in (b"first", b"in between, longer", b"last"):
                packed.writestr("a", data)
    with tarfile.open(tmp_path / "x.tar", "w") as tar:
        for data in (b"first", b"in between, longer", b"last"):
            member = tarfile.TarInfo("a")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    for path in (tmp_path / "x.zip", tmp_path / "x.tar"):
        assert archive.open_archive(path).sizes == {"a": 4}
        assert archive.read(path, ("a",)) == b"last"


def test_a_changed_archive_is_read_anew(tmp_path: Path) -> None:
    path = written(tmp_path / "x.zip", zip_of({"a": b"old"}))
    assert archive.read(path, ("a",)) == b"old"
    written(path, zip_of({"a": b"newer"}))
    assert archive.read(path, ("a",)) == b"newer"


@pytest.mark.parametrize("cut", [0.1, 0.5, 0.9])
def test_a_tar_cut_short_gives_what_came_before(tmp_path: Path, cut: float) -> None:
    files = {f"{n:02}": bytes([n]) * 3000 for n in range(10)}
    data = tar_of(files)
    whole = 10 * (512 + 3072)
    path = written(tmp_path / "x.tar", data[: int(whole * cut) + 7])
    opened = archive.open_archive(path)
    assert len(opened.sizes) == int(cut * 10)
    assert opened.skipped.counts == {"archive cut short": 1}
    for name in opened.sizes:
        assert opened.read(name) == files[name]


def test_a_tar_without_its_end_mark_counts_as_cut_short(tmp_path: Path) -> None:
    path = written(tmp_path / "x.tar", tar_of({"a": b"x" * 512})[:1024])
    opened = archive.open_archive(path)
    assert opened.skipped.counts == {"archive cut short": 1}
    assert opened.read("a") == b"x" * 512


def test_a_zip_cut_short_is_refused(tmp_path: Path) -> None:
    data = zip_of(FILES)
    path = written(tmp_path / "x.zip", data[: len(data) // 2])
    with pytest.raises(SourceError, match="no whole ZIP archive"):
        archive.open_archive(path)


@pytest.mark.parametrize("data", [b"", b"text" * 1000, b"\x1f\x8b\x08" + bytes(1000)])
def test_other_files_are_refused(tmp_path: Path, data: bytes) -> None:
    for suffix in (".tar", ".zip"):
        with pytest.raises(SourceError, match=f"x{suffix} is no"):
            archive.open_archive(written(tmp_path / f"x{suffix}", data))
    with pytest.raises(SourceError, match="cannot be read"):
        archive.open_archive(tmp_path / "absent.tar")


UNSAFE = ["../up.txt", "a/../../up.txt", "/etc/passwd", "..\\up.txt", "C:/windows", "\\\\host\\x"]


@pytest.mark.parametrize(("suffix", "pack"), [(".tar", tar_of), (".zip", zip_of)])
def test_names_that_lead_out_are_left_out(
    tmp_path: Path, suffix: str, pack: Callable[[dict[str, bytes]], bytes]
) -> None:
    path = written(tmp_path / f"x{suffix}", pack(dict.fromkeys(UNSAFE, b"x") | {"good": b"y"}))
    opened = archive.open_archive(path)
    assert list(opened.sizes) == ["good"]
    assert opened.skipped.counts == {"unsafe name in an archive": len(UNSAFE)}
    with pytest.raises(DrawingError, match="no such member"):
        archive.read(path, ("../up.txt",))


def test_links_and_devices_are_left_out(tmp_path: Path) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE):
            member = tarfile.TarInfo(f"{kind!r}.TIF")
            member.type, member.linkname = kind, "/etc/passwd"
            tar.addfile(member)
        tar.addfile(tarfile.TarInfo("good"))
    opened = archive.open_archive(written(tmp_path / "x.tar", out.getvalue()))
    assert list(opened.sizes) == ["good"]
    assert opened.skipped.counts == {"link or device in an archive": 4}

    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        info = zipfile.ZipInfo("link")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        packed.writestr(info, "/etc/passwd")
    opened = archive.open_archive(written(tmp_path / "x.zip", out.getvalue()))
    assert not opened.sizes
    assert opened.skipped.counts == {"link or device in an archive": 1}


def test_names_that_are_not_utf8_are_left_out(tmp_path: Path) -> None:
    member = tarfile.TarInfo("bad-?.TIF")
    header = bytearray(member.tobuf(tarfile.USTAR_FORMAT))
    header[4] = 0xFF
    checksum = 256 + sum(header[:148]) + sum(header[156:512])
    header[148:156] = b"%06o\0 " % checksum
    path = written(tmp_path / "x.tar", bytes(header) + bytes(1024))
    opened = archive.open_archive(path)
    assert not opened.sizes
    assert opened.skipped.counts == {"name that is not UTF-8": 1}
    example = opened.skipped.examples["name that is not UTF-8"][0]
    assert example.endswith(r"bad-\xff.TIF")
    example.encode("utf-8")


def test_a_bomb_is_refused_by_what_it_claims(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "MEMBER_LIMIT", 1000)
    for suffix, pack in ((".tar", tar_of), (".zip", zip_of)):
        path = written(tmp_path / f"x{suffix}", pack({"bomb": bytes(1001), "good": b"x"}))
        with pytest.raises(DrawingError, match="over the size limit"):
            archive.read(path, ("bomb",))
        assert archive.read(path, ("good",)) == b"x"


def test_a_bomb_that_lies_stops_at_what_it_claims(tmp_path: Path) -> None:
    data = bytearray(zip_of({"bomb": bytes(10_000_000)}))
    # The unpacked size stands in the local header and in the directory.
    true_size = (10_000_000).to_bytes(4, "little")
    assert data.count(true_size) == 2
    lie = bytes(data).replace(true_size, (100).to_bytes(4, "little"))
    path = written(tmp_path / "x.zip", lie)
    with pytest.raises(DrawingError, match="damaged member"):
        archive.read(path, ("bomb",))


def test_a_damaged_member_is_noticed(tmp_path: Path) -> None:
    data = bytearray(zip_of({"a": os.urandom(1000)}, zipfile.ZIP_STORED))
    data[200] ^= 1
    path = written(tmp_path / "x.zip", bytes(data))
    with pytest.raises(DrawingError, match="damaged member"):
        archive.read(path, ("a",))


def test_encrypted_and_unusually_packed_members_are_left_out(tmp_path: Path) -> None:
    data = bytearray(zip_of({"a": b"secret"}))
    directory = data.index(b"PK\x01\x02")
    data[directory + 8] |= 1
    opened = archive.open_archive(written(tmp_path / "x.zip", bytes(data)))
    assert opened.skipped.counts == {"encrypted member of an archive": 1}

    opened = archive.open_archive(
        written(tmp_path / "y.zip", zip_of({"a": b"x" * 100}, zipfile.ZIP_LZMA))
    )
    assert opened.skipped.counts == {"unusual compression in an archive": 1}


def test_a_member_without_a_name_is_left_out(tmp_path: Path) -> None:
    data = bytearray(zip_of({"a": b"nameless", "b": b"named"}))
    data[data.index(b"PK\x01\x02") + 46] = 0
    opened = archive.open_archive(written(tmp_path / "x.zip", bytes(data)))
    assert opened.skipped.counts == {"unsafe name in an archive": 1}
    assert opened.sizes == {"b": 5}


NESTED = zip_of({"d/n.zip": zip_of(FILES), **FILES})
PLAIN = tar_of({"d/n.zip": zip_of(FILES), **FILES})


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    base=st.sampled_from([NESTED, PLAIN]),
    edits=st.lists(st.tuples(st.integers(0, 12_000), st.integers(0, 255)), max_size=8),
    cut=st.integers(0, 12_000) | st.none(),
)
def test_damage_anywhere_is_reported_in_our_words(
    tmp_path: Path, base: bytes, edits: list[tuple[int, int]], cut: int | None
) -> None:
    data = bytearray(base)
    for place, value in edits:
        data[place % len(data)] = value
    path = written(tmp_path / "x.bin", bytes(data[:cut]))
    try:
        opened = archive.open_archive(path)
    except SourceError:
        return
    for name in opened.sizes:
        assert not name.startswith("/")
        try:
            archive.read(path, (name,))
            if name.endswith(".zip"):
                for inner in archive.open_nested(path, name).sizes:
                    archive.read(path, (name, inner))
        except (SourceError, DrawingError):
            pass


def test_a_chain_of_long_names_does_not_exhaust_the_stack(tmp_path: Path) -> None:
    header = tarfile.TarInfo("././@LongLink")
    header.type, header.size = tarfile.GNUTYPE_LONGNAME, 4
    link = header.tobuf(tarfile.GNU_FORMAT) + b"name".ljust(512, b"\0")
    with pytest.raises(SourceError):
        archive.open_archive(written(tmp_path / "x.tar", link * 5000))
