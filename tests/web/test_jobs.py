"""Work on an index from the page: a folder is added, every byte checked, and work cancelled."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import misbehaviour
import pytest

from edgepatent.web.jobs import Jobs
from edgepatent_runtime.errors import InputError
from edgepatent_runtime.index import Index


@pytest.fixture
def jobs() -> Iterator[Jobs]:
    jobs = Jobs()
    yield jobs
    jobs.close()


@pytest.fixture
def own(index: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(index, tmp_path / "index"))


def finished(jobs: Jobs, key: str) -> Any:
    while (entry := jobs.entry(key)) is not None and entry.state == "running":
        time.sleep(0.05)
    return entry


def test_a_folder_is_added_and_every_byte_checked(
    jobs: Jobs, own: Path, query: Path, tmp_path: Path
) -> None:
    more = tmp_path / "more" / "NEW1"
    more.mkdir(parents=True)
    shutil.copy(query, more)
    ended = finished(jobs, jobs.start("add", 0, own, str(more.parent)).id)
    assert (ended.state, ended.message) == ("done", "1 added.")
    assert finished(jobs, jobs.start("verify", 0, own).id).state == "done"
    with Index.open(own) as opened:
        assert "NEW1" in opened


def test_damage_is_said(jobs: Jobs, own: Path) -> None:
    rows = next(own.glob("vectors-*.rows"))
    data = bytearray(rows.read_bytes())
    data[-40] ^= 0xFF
    rows.write_bytes(data)
    ended = finished(jobs, jobs.start("verify", 0, own).id)
    assert ended.state == "failed"
    assert "index verify --repair" in ended.message


def test_one_at_a_time_and_cancelled(
    jobs: Jobs, own: Path, drawings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Work that is certainly not done before it is cancelled.
    with monkeypatch.context() as patch:
        patch.setattr("edgepatent.web.jobs._work", misbehaviour.spin)
        job = jobs.start("add", 0, own, str(drawings))
    with pytest.raises(InputError, match="work under way"):
        jobs.start("verify", 0, own)
    ended = jobs.cancel(job.id)
    assert ended is not None
    assert ended.state == "cancelled"
    assert finished(jobs, jobs.start("verify", 0, own).id).state == "done"
