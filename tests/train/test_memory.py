import subprocess
import sys

import pytest

STEPS = """
import resource
import numpy as np
from edgepatent_train.memory import keep_freed_memory
if {keep} and not keep_freed_memory():
    print("none")
    raise SystemExit
def step():
    np.ones(1 << 25, np.uint8)  # 32 MB that come and go
step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(keep: bool) -> str:
    script = STEPS.format(keep=keep)
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout.strip()


def test_memory_that_comes_again_is_not_cleared_again() -> None:
    kept = faults(keep=True)
    if kept == "none":
        pytest.skip("the C library cannot be asked")
    assert int(kept) * 10 < int(faults(keep=False))
