"""The real ``edgepatent serve`` in a process of its own."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Server:
    """A running ``edgepatent serve``: ``address`` holds the token, ``root`` does not."""

    process: "subprocess.Popen[str]"
    address: str
    home: Path

    @property
    def root(self) -> str:
        return self.address.partition("/?")[0]

    @property
    def port(self) -> int:
        return int(self.root.rpartition(":")[2])

    @property
    def bearer(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.address.partition('token=')[2]}"}

    def log(self) -> str:
        return (self.home / "stderr").read_text()


@contextmanager
def serving(index: Path, home: Path, *options: str) -> Iterator[Server]:
    """The real command, until the block ends; it must end by Ctrl-C."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("EDGEPATENT", "XDG_"))}
    command = [sys.executable, "-m", "edgepatent", "serve", "--port", "0", "--threads", "1"]
    with (home / "stderr").open("w") as stderr:
        process = subprocess.Popen(
            [*command, "--index", str(index), *options],
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            env={**kept, "HOME": str(home)},
        )
    assert process.stdout is not None
    try:
        address = process.stdout.readline().strip()
        assert re.fullmatch(r"http://[\w.:\[\]]+/\?token=[\w-]{32}", address), address
        yield Server(process, address, home)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
