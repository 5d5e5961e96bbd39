"""Ray, with everything off by which it would tell others about itself.

Left alone, Ray reports its use to its makers, and its agents collect metrics and offer a dashboard.
All that is decided when its processes start, some of it when it is imported: so nothing of this
package imports ray but through `joined`.
"""

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from edgepatent_cluster import scratch
from edgepatent_runtime.errors import ClusterError

QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_USAGE_STATS_PROMPT_ENABLED": "0",
    "RAY_enable_metrics_collection": "0",
    "RAY_enable_open_telemetry": "0",
}
"""What the environment says before ray is imported; `ray start` elsewhere needs it as well."""

ALONE = {
    # The one way to have Ray's processes talk over 127.0.0.1 only: the default elsewhere than on
    # Linux, where they listen on all of a machine's addresses and do whatever they are sent.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    # A busy machine takes longer than the 30 seconds that are the default.
    "RAY_agent_register_timeout_ms": "120000",
}
_STARTS = 3
_OBJECT_STORE = 100 << 20
"""Bytes of shared memory of a cluster of our own: numbers go through it, never drawings."""


@contextmanager
def joined(address: str | None = None) -> Iterator[Any]:
    """The module ``ray``, connected to the cluster at ``address`` as Ray writes it.

    None starts one on this machine, which nobody else can reach and which ends with the block.
    Raises `ClusterError` where there is none, or one of another version, and `ModuleNotFoundError`
    without ray.
    """
    # Assigned, not defaulted: whatever the environment says, confidential designs stay here.
    os.environ.update(QUIET)
    if address is None:
        os.environ.update(ALONE)
    import ray

    # It tells of lost workers on standard output, where a document of ours stands; we count them.
    ray._private.worker.print_to_stdstream = lambda *_, **__: None
    # What Ray's processes log names our files, and it lets everybody read in its own folder.
    with scratch.folder("edgepatent-ray-") as folder:
        how = start_options(ray, folder) if address is None else {"address": address}
        try:
            for start in range(1, _STARTS + 1):
                try:
                    with warnings.catch_warnings():
                        # What Ray warns of here, it raises afterwards.
                        warnings.simplefilter("ignore")
                        ray.init(log_to_driver=False, logging_level=logging.ERROR, **how)
                    break
                except Exception as error:
                    ray.shutdown()
                    if address is not None or start == _STARTS:
                        raise ClusterError(_advice(address, error)) from error
            yield ray
        finally:
            ray.shutdown()


def start_options(ray: Any, folder: Path) -> dict[str, Any]:
    """What ``ray.init`` is told for a cluster of this machine alone, which logs to ``folder``."""
    # So Ray takes the packages of its agents for missing, and starts them without their servers.
    ray._private.utils.get_dashboard_dependency_error = lambda: ImportError("not wanted")
    return {
        "include_dashboard": False,
        "object_store_memory": _OBJECT_STORE,
        # Ray opens the folder that it is given to everybody: not the outer one.
        "_temp_dir": str(folder / "ray"),
    }


def our_version() -> str:
    """The version that all machines must have."""
    try:
        return version("edgepatent-runtime")
    except PackageNotFoundError:
        return "unknown"


def _advice(address: str | None, error: Exception) -> str:
    said = line(error)
    if address is None:
        return f"Ray cannot be started on this machine ({said})"
    if "ersion mismatch" in str(error):
        return f"{address} runs another version of Ray or Python ({said}): install the same here"
    return (
        f"there is no Ray cluster at {address} ({said}): start one with ray start --head "
        "--disable-usage-stats --include-dashboard=false, and name what it prints"
    )


def line(error: BaseException) -> str:
    """What an error says, on one line of a readable length."""
    # Of one that was raised in another process Ray's own text is the stack there.
    cause = getattr(error, "cause", None)
    error = cause if isinstance(cause, BaseException) else error
    words = " ".join(str(error).split()) or type(error).__name__
    return words if len(words) <= 200 else f"{words[:199]}…"
