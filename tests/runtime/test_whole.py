"""Reports and results: the new one, or the old one, never a part of one."""

import errno
import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from edgepatent_runtime import faults, whole


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """No byte more can be written, from the moment that they are to be on the disk."""

    def refuse(name: str) -> None:
        if name == "whole.written":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(faults, "hook", refuse)


def test_a_file_is_replaced(tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    whole.write(file, b"old")
    whole.write(file, b"new")
    assert file.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [file]


def test_an_old_report_survives_a_full_disk(tmp_path: Path, full_disk: None) -> None:
    file = tmp_path / "report.html"
    file.write_bytes(b"old")
    with pytest.raises(OSError, match="No space left"):
        whole.write(file, b"new" * 1000)
    assert file.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [file]


def test_an_old_report_survives_an_error_while_it_is_written(tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_bytes(b"old")

    def interrupted() -> None:
        with whole.replacing(file) as out:
            out.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert file.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("point", [name for name in faults.POINTS if name.startswith("whole.")])
def test_a_kill_leaves_the_old_report_or_the_new_one(tmp_path: Path, point: str) -> None:
    file = tmp_path / "report.html"
    file.write_bytes(b"old")
    code = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from edgepatent_runtime import faults, whole\n"
        "faults.hook = lambda at: at == sys.argv[2] and os.kill(os.getpid(), signal.SIGKILL)\n"
        "whole.write(Path(sys.argv[1]), b'new')\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(file), point], check=False)
    assert done.returncode == -signal.SIGKILL
    assert file.read_bytes() == (b"new" if point == "whole.renamed" else b"old")


def test_what_is_searched_for_stays_private(tmp_path: Path) -> None:
    new, shown = tmp_path / "new", tmp_path / "shown"
    whole.write(new, b"mine")
    assert stat.S_IMODE(new.stat().st_mode) == 0o600
    shown.write_bytes(b"ours")
    shown.chmod(0o644)
    whole.write(shown, b"still ours")
    assert stat.S_IMODE(shown.stat().st_mode) == 0o644


def test_a_link_leads_where_it_did(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"old")
    link.symlink_to(target)
    whole.write(link, b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"


def test_a_pipe_is_written_to_as_it_is(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    whole.write(pipe, b"rows")
    reader.join(30)
    assert read == [b"rows"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_folder_is_there_wholly_or_not_at_all(tmp_path: Path) -> None:
    def interrupted() -> None:
        with whole.new_folder(tmp_path / "new") as folder:
            (folder / "half").write_bytes(b"x")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []
    with whole.new_folder(tmp_path / "new") as folder:
        (folder / "in").mkdir()
        (folder / "in" / "file").write_bytes(b"x")
        assert not (tmp_path / "new").exists()
    assert (tmp_path / "new" / "in" / "file").read_bytes() == b"x"
    assert [path.name for path in tmp_path.iterdir()] == ["new"]
