"""A Ray cluster of two nodes on this machine, in a process of its own.

python ray_cluster.py FOLDER   prints its address, and ends with its standard input

Whatever becomes of the tests, the pipe breaks and all that was started ends with it.
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

# A busy machine takes longer than the 30 seconds that Ray has for a node.
_STARTS = 5


@contextmanager
def two_nodes(folder: Path, environment: Mapping[str, str]) -> Iterator[str]:
    """The address of a cluster of two nodes with a core each, the second with a GPU in name."""
    with subprocess.Popen(
        [sys.executable, str(Path(__file__)), str(folder)],
        env={**os.environ, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            address = process.stdout.readline().strip()
            assert address, "Ray's nodes did not start"
            yield address
        finally:
            process.stdin.close()


def main(folder: Path) -> None:
    """Two nodes until standard input ends."""
    from edgepatent_cluster import engine

    # The cluster notes its address below the folder for temporary files, which is ours.
    os.environ.update({**engine.QUIET, **engine.ALONE, "RAY_TMPDIR": str(folder)})
    (folder / "ray").mkdir()
    import ray

    for start in range(1, _STARTS + 1):
        try:
            cluster = _started(ray, engine.start_options(ray, folder))
            break
        except Exception:
            if start == _STARTS:
                raise
            for one in psutil.Process().children(recursive=True):
                one.kill()
    print(cluster.address, flush=True)
    sys.stdin.read()
    cluster.shutdown()


def _started(ray: Any, options: dict[str, Any]) -> Any:
    from ray.cluster_utils import Cluster

    options.pop("_temp_dir")
    cluster = Cluster(initialize_head=True, head_node_args={**options, "num_cpus": 1})
    options.pop("include_dashboard")
    # Ray counts what it is told: nothing here computes on a GPU.
    cluster.add_node(**options, num_cpus=1, num_gpus=1)
    return cluster


if __name__ == "__main__":
    main(Path(sys.argv[1]))
