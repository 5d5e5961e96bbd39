"""Long work on an index, in a process of its own, so that the page stays quick.

Adding a folder and checking every byte are what ``edgepatent index add`` and ``index verify`` do.
"""

import itertools
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Literal

import msgspec

from edgepatent_runtime.errors import EdgepatentError, InputError

Kind = Literal["add", "verify"]
State = Literal["running", "done", "failed", "cancelled"]
# Finished jobs that can still be asked about.
REMEMBERED = 20
# Not forked: the server holds threads and locks of other libraries.
_CONTEXT = get_context("spawn")


class JobEntry(msgspec.Struct, frozen=True):
    """A job as the page shows it. ``message`` says how it ended; ``total`` may be unknown."""

    id: str
    kind: Kind
    place: int
    title: str
    state: State
    task: str
    done: int
    total: int | None
    seconds: float
    message: str


@dataclass
class _Job:
    id: str
    kind: Kind
    place: int
    title: str
    process: BaseProcess
    told: Any
    started: float = field(default_factory=time.monotonic)
    ended: float | None = None
    state: State = "running"
    task: str = ""
    done: int = 0
    total: int | None = None
    message: str = ""

    def entry(self) -> JobEntry:
        seconds = (self.ended or time.monotonic()) - self.started
        return JobEntry(
            self.id, self.kind, self.place, self.title, self.state, self.task, self.done,
            self.total, round(seconds, 1), self.message,
        )  # fmt: skip


class Jobs:
    """The jobs of this server. Safe from all threads."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._jobs: dict[str, _Job] = {}
        self._guard = threading.Lock()

    def start(
        self, kind: Kind, place: int, index: Path | str, folder: str | None = None
    ) -> JobEntry:
        """Start a job on an index. Raises `InputError` while another one works on it."""
        with self._guard:
            if any(one.place == place and one.state == "running" for one in self._jobs.values()):
                raise InputError("there is work under way on this index: wait for it, or cancel it")
            told = _CONTEXT.Queue()
            title = f"Adding {folder}" if folder else "Checking every byte"
            process = _CONTEXT.Process(
                target=_work, args=(told, kind, str(index), folder), daemon=True
            )
            process.start()
            job = _Job(str(next(self._numbers)), kind, place, title, process, told)
            self._jobs[job.id] = job
            for old in list(self._jobs.values())[:-REMEMBERED]:
                if old.state != "running":
                    del self._jobs[old.id]
        threading.Thread(target=self._follow, args=(job,), daemon=True).start()
        return job.entry()

    def entries(self) -> list[JobEntry]:
        """All jobs that are remembered, oldest first."""
        with self._guard:
            return [job.entry() for job in self._jobs.values()]

    def entry(self, key: str) -> JobEntry | None:
        """One job; None where there is none."""
        with self._guard:
            job = self._jobs.get(key)
            return job.entry() if job else None

    def cancel(self, key: str) -> JobEntry | None:
        """End a job; what it has written so far stays, and the next one goes on from there."""
        with self._guard:
            job = self._jobs.get(key)
            if job is None:
                return None
            if job.state == "running":
                self._end(job, "cancelled", "Cancelled; what was done so far is kept.")
                job.process.terminate()
            return job.entry()

    def close(self) -> None:
        """End all jobs."""
        for entry in self.entries():
            self.cancel(entry.id)

    @staticmethod
    def _end(job: _Job, state: State, message: str) -> None:
        job.state, job.message, job.ended = state, message, time.monotonic()

    def _follow(self, job: _Job) -> None:
        while job.state == "running":
            try:
                what, value = job.told.get(timeout=0.5)
            except queue.Empty:
                if not job.process.is_alive() and job.told.empty():
                    with self._guard:
                        if job.state == "running":
                            self._end(job, "failed", "The work ended before its time: try again.")
                continue
            with self._guard:
                if job.state != "running":
                    break
                if what == "progress":
                    job.task, job.done, job.total = value
                else:
                    self._end(job, what, value)
        job.process.join()


def _work(told: Any, kind: Kind, index: str, folder: str | None) -> None:
    """What the process of a job does: tell of progress, then how it ended."""
    last = 0.0

    def progress(task: str, done: int, total: int | None) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last > 0.2:
            last = now
            told.put(("progress", (task, done, total)))

    work: Callable[[str, str | None, Any], str] = {"add": _add, "verify": _verify}[kind]
    try:
        told.put(("done", work(index, folder, progress)))
    except (EdgepatentError, OSError) as error:
        told.put(("failed", str(error)))


def _add(index: str, folder: str | None, progress: Any) -> str:
    from dataclasses import asdict

    from edgepatent_runtime.index import Index
    from edgepatent_runtime.record import Skipped
    from edgepatent_runtime.sources import open_source

    source = open_source(folder or "")
    progress("looking through the folder", 0, None)
    total = sum(1 for _ in source.records(Skipped()))
    skipped = Skipped()
    with Index.open(index) as opened:
        added = opened.add(source, skipped=skipped, progress=progress, totals={source.spec: total})
    counts = [f"{count} {name}" for name, count in asdict(added).items() if count]
    counts += [f"{count} left out ({reason})" for reason, count in skipped.counts.items()]
    return f"{', '.join(counts) or 'Nothing new'}."


def _verify(index: str, folder: str | None, progress: Any) -> str:
    from edgepatent_runtime.errors import CollectionError
    from edgepatent_runtime.index import Index

    with Index.open(index) as opened:
        problems = opened.verify(progress)
    if problems:
        first = problems[0]
        raise CollectionError(
            f"{len(problems)} things are wrong (first: {first.part}, {first.what}): run "
            "edgepatent index verify --repair"
        )
    return "Every byte is as it was written."
