"""What a drawing that is added takes of the processors, and how much of that is the network.

    python benchmarks/adding.py [--rounds N] [--write]

``index add`` of 300 synthetic drawings, the same again when there is nothing to do, and the network
by itself on as many threads, in turns: processor time of all processes, medians. The result goes
into its section of ``device.md``.
"""

import argparse
import json
import os
import statistics
import subprocess
import tempfile
from collections.abc import Sequence

from device import PYTHON, put

DRAWINGS = ["--designs", "100", "--views", "3", "--seed", "1"]

_NETWORK = """
import os, sys, time
import numpy as np
from edgepatent_runtime.bundle import Bundle
from edgepatent_runtime.drawing import read_drawing
from edgepatent_runtime.encoder import Encoder
from pathlib import Path

encoder = Encoder(Bundle.starter(), threads=os.cpu_count() or 1)
size = encoder.bundle.info.size
drawings = np.stack([read_drawing(path, size) for path in sorted(Path(sys.argv[1]).rglob("*.png"))])
encoder.encode(drawings[:8])
before = time.process_time()
encoder.encode(drawings)
print((time.process_time() - before) / len(drawings))
"""


def _run(command: Sequence[str]) -> tuple[float, str]:
    """Seconds of processors that a command and what it starts took, and what it wrote."""
    before = os.times()
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    after = os.times()
    took = after.children_user - before.children_user
    return took + after.children_system - before.children_system, done.stdout.decode()


def measure(rounds: int) -> list[str]:
    """The lines of the section."""
    edgepatent = [PYTHON, "-m", "edgepatent"]
    with tempfile.TemporaryDirectory() as scratch:
        drawings = f"{scratch}/drawings"
        _run([*edgepatent, "data", "synthesize", "--out", drawings, *DRAWINGS])
        seen, count = [], 0
        for number in range(rounds):
            add = [
                *edgepatent,
                "index",
                "add",
                drawings,
                "--index",
                f"{scratch}/{number}",
                "--json",
            ]
            whole, told = _run(add)
            count = json.loads(told)["added"]
            again, _ = _run(add)
            _, network = _run([PYTHON, "-c", _NETWORK, drawings])
            seen.append((whole / count, (whole - again) / count, float(network)))
    whole, less, network = (1000 * statistics.median(column) for column in zip(*seen, strict=True))
    return [
        f"`index add` of {count} drawings into a new index, medians of {rounds} in turns: "
        f"{whole:.1f} ms of processors a drawing, {less:.1f} without what starting the program "
        f"takes, {network:.1f} of it the network alone; aimed at: 11{', missed' * (less > 11)}."
    ]


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", action="store_true", help="write device.md")
    chosen = parser.parse_args()
    # As installed: see device.py.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    lines = measure(chosen.rounds)
    print("\n".join(lines))
    if chosen.write:
        put("adding", lines)


if __name__ == "__main__":
    main()
