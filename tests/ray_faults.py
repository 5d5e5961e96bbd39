"""Ray's workers killed or held at named points: from outside, for they are processes of Ray's.

Every interpreter that finds ``folder`` on its path and is a worker comes by here. A file "kill"
there kills the first one that comes to the point, a file "hold" keeps all others there while it
lies there; each that passes meanwhile takes one of the files "pass-*" away.
"""

import os
import time
from pathlib import Path

POINT = "thumbnails.written"

_CUSTOM = """
import os, signal, sys, time
from pathlib import Path

folder = Path(__file__).parent

def took(pattern):
    for one in folder.glob(pattern):
        try:
            one.unlink()
            return True
        except FileNotFoundError:
            continue
    return False

def hook(name):
    if name != "{point}":
        return
    if took("kill"):
        (folder / "killed").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    (folder / f"came-{{os.getpid()}}").touch()
    while (folder / "hold").exists() and not took("pass-*"):
        time.sleep(0.05)

if any("default_worker" in one for one in sys.orig_argv):
    from edgepatent_runtime import faults
    faults.hook = hook
"""


class Faults:
    """What happens at `POINT` in workers with `environment`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        (folder / "sitecustomize.py").write_text(_CUSTOM.format(point=POINT))

    @property
    def environment(self) -> dict[str, str]:
        """What Ray's processes have to be started with."""
        before = os.environ.get("PYTHONPATH")
        return {"PYTHONPATH": os.pathsep.join([str(self.folder), *([before] if before else [])])}

    def touch(self, name: str) -> None:
        """Put a file there: "kill", "hold", "pass-1"."""
        (self.folder / name).touch()

    def free(self) -> None:
        """Hold nobody any more."""
        (self.folder / "hold").unlink(missing_ok=True)

    @property
    def killed(self) -> bool:
        """Whether somebody was."""
        return (self.folder / "killed").exists()

    def came(self) -> set[int]:
        """Who came to the point and was not killed there, by process id."""
        return {int(one.name.partition("-")[2]) for one in self.folder.glob("came-*")}


def eventually(true: object, seconds: float = 240.0) -> None:
    """Wait until a callable says so. The limit ends what hangs, and judges nothing."""
    assert callable(true)
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.1)
