"""Where the time of a model goes: onnxruntime's own profile, by kind of operator."""

import json
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from edgepatent_export.certify import WARM_UP, run
from edgepatent_runtime.encoder import Drawings

RUNS = 20


def time_by_operator(model: bytes, drawing: Drawings, runs: int = RUNS) -> dict[str, float]:
    """Milliseconds that one drawing [1, 1, S, S] spends in each kind of operator, on one thread.

    The least of ``runs`` for each kind, the largest first. Profiling itself slows small operators
    down: the sum is more than a search waits.
    """
    with tempfile.TemporaryDirectory(prefix="edgepatent-") as folder:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder) / "profile")
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        for _ in range(WARM_UP + runs):
            run(session, drawing)
        events = json.loads(Path(session.end_profiling()).read_text("utf-8"))
    rounds = _rounds(events)[WARM_UP:]
    kinds = sorted({kind for each in rounds for kind in each})
    found = {kind: float(np.min([each[kind] for each in rounds])) / 1000 for kind in kinds}
    return dict(sorted(found.items(), key=lambda each: -each[1]))


def _rounds(events: list[dict[str, Any]]) -> list[Counter[str]]:
    """Microseconds by kind of operator of each run: its nodes come first, then the run itself."""
    rounds: list[Counter[str]] = []
    current: Counter[str] = Counter()
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
            current[event["args"]["op_name"]] += event["dur"]
        elif event.get("name") == "model_run":
            rounds.append(current)
            current = Counter()
    return rounds
