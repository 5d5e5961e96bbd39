"""Who hands out numbers of shards, and what becomes of those whose maker was lost."""

from collections import Counter, deque
from contextlib import suppress
from typing import Any

from edgepatent_cluster import engine
from edgepatent_cluster.task import Made, Task
from edgepatent_cluster.worker import Worker
from edgepatent_runtime.errors import ClusterError, CollectionError, EdgepatentError
from edgepatent_runtime.progress import Progress
from edgepatent_runtime.shards import MOST, Shard

TRIES = 4
"""So often a shard is handed out: what kills whoever makes it shall not go on for ever."""

_TOLD_S, _CLOSING_S = 1.0, 10.0


class Driver:
    """Hands numbers to workers until none is left."""

    def __init__(
        self, ray: Any, task: Task, todo: deque[int], made: Made, progress: Progress
    ) -> None:
        self._ray = ray
        self._todo = todo
        self._made = made
        self._progress = progress
        self._of = task.of
        self._threads, self._gpus = task.threads, task.encoding.gpus
        self._task = ray.put(task)
        # No restarts by Ray: it would hand out a shard as often as that kills who makes it.
        self._actor = ray.remote(
            num_cpus=task.threads, num_gpus=task.encoding.gpus, max_restarts=0
        )(Worker)
        self._failed: Counter[int] = Counter()
        self._idle: list[Any] = []
        self._running: dict[Any, tuple[Any, int]] = {}

    def run(self) -> None:
        """Have all shards made. Raises `ClusterError`, and what a worker raises for good."""
        due = len(self._todo)
        for _ in range(min(due, self._room())):
            self._hire()
        try:
            while self._todo or self._running:
                while self._idle and self._todo:
                    worker, number = self._idle.pop(), self._todo.popleft()
                    self._running[worker.make.remote(number)] = (worker, number)
                for one in self._ray.wait(list(self._running), timeout=_TOLD_S)[0]:
                    self._take(one)
                self._progress("making shards", self._made.done - self._made.were_there, due)
        finally:
            with suppress(self._ray.exceptions.RayError):
                self._ray.get([one.close.remote() for one in self._idle], timeout=_CLOSING_S)

    def _room(self) -> int:
        """How many workers find room. Raises `ClusterError` where none does."""
        there = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        # Node by node: a worker finds no room in what two have left.
        room = sum(
            min(
                int(one.get("CPU", 0) // self._threads),
                int(one.get("GPU", 0) / self._gpus) if self._gpus else MOST,
            )
            for one in there
        )
        if not room:
            cores, gpus = (max([int(one.get(of, 0)) for one in there], default=0)
                           for of in ("CPU", "GPU"))  # fmt: skip
            raise ClusterError(
                f"no machine of the cluster has room for a worker of {self._threads} cores and "
                f"{self._gpus:g} GPUs (the most are {cores} and {gpus}): lower --threads or "
                "--gpus-per-worker"
            )
        return room

    def _hire(self) -> None:
        self._idle.append(self._actor.remote(self._task))

    def _take(self, one: Any) -> None:
        """What became of a shard that was handed out."""
        worker, number = self._running.pop(one)
        errors = self._ray.exceptions
        try:
            self._made.count(self._ray.get(one))
        except errors.RayTaskError as error:
            cause = error.cause
            machine = isinstance(cause, CollectionError | ClusterError | OSError)
            if isinstance(cause, EdgepatentError) and not machine:
                raise cause from None
            self._again(number, cause or error)
            # Its disk may be full, or its version another one: others go on as long as there are.
            if self._running or self._idle:
                self._ray.kill(worker)
            else:
                self._idle.append(worker)
        except errors.RayError as error:
            if getattr(error, "actor_init_failed", False):
                said = str(error).strip().splitlines()[-1]
                raise ClusterError(
                    f"a machine of the cluster cannot begin ({said:.200}): install edgepatent[ray] "
                    f"{engine.our_version()} on all of them"
                ) from error
            self._again(number, error)
            self._hire()
        else:
            self._idle.append(worker)

    def _again(self, number: int, error: BaseException) -> None:
        """Put a number back that somebody failed at."""
        self._made.failures += 1
        self._failed[number] += 1
        if self._failed[number] == TRIES:
            raise ClusterError(
                f"shard {Shard(number, self._of)} failed {TRIES} times, at last so: "
                f"{engine.line(error)}. What is whole stays: when this is mended, run the same "
                "command again"
            ) from error
        self._todo.append(number)
