"""One writer at a time, known by name."""

import os
import sys
import time
from pathlib import Path

import msgspec

from edgepatent_runtime.errors import LockedError

LOCK = "writer.lock"
HOLDER = "writer.json"


class Holder(msgspec.Struct, frozen=True):
    """Who writes to a collection."""

    pid: int
    host: str
    command: str
    since: str

    def __str__(self) -> str:
        return f"{self.command!r} (process {self.pid} on {self.host}, since {self.since})"


class WriterLock:
    """The right to write to the collection in ``folder``.

    The operating system takes it back when the process dies, however it dies. Raises
    `LockedError`, naming the holder, where another process has it.
    """

    def __init__(self, folder: Path) -> None:
        # Only here: readers take no lock, and these are 24 ms of a cold search.
        import socket

        import filelock

        self._holder = folder / HOLDER
        self._lock = filelock.FileLock(folder / LOCK, timeout=0)
        try:
            self._lock.acquire()
        except filelock.Timeout:
            raise LockedError(
                f"{folder} is being written by {self._named()}: wait for it to end"
            ) from None
        command = " ".join([Path(sys.argv[0]).name, *sys.argv[1:3]])
        since = time.strftime("%Y-%m-%d %H:%M:%S")
        holder = Holder(os.getpid(), socket.gethostname(), command, since)
        try:
            self._holder.write_bytes(msgspec.json.encode(holder))
        except OSError:  # the name is a courtesy; a full disk shall not keep anyone from removing
            self._holder.unlink(missing_ok=True)

    def _named(self) -> str:
        try:
            return str(msgspec.json.decode(self._holder.read_bytes(), type=Holder))
        except (OSError, msgspec.DecodeError):
            return "another process"

    def release(self) -> None:
        """Let others write."""
        self._holder.unlink(missing_ok=True)
        self._lock.release()
