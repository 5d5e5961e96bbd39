"""One INT8 file on processors that compute differently, emulated."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import edgepatent_runtime

CODE = """
import numpy as np
from edgepatent_runtime.bundle import Bundle
from edgepatent_runtime.encoder import Encoder, open_session, saturates
starter = Bundle.starter()
drawings, expected = starter.golden
got = Encoder(starter).encode(drawings[:2], batch=1)
session = open_session(starter.read("model.onnx"), overflows=False)
naive = session.run(["embedding"], {"drawings": drawings[:1]})[0]
print(saturates(), (got * expected[:2]).sum(1).min(), (naive * expected[:1]).sum())
"""


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("processor", ["Haswell", "Skylake-Server"])
def test_processors_without_vnni_give_the_same_answers(processor: str) -> None:
    qemu = shutil.which("qemu-x86_64")
    if qemu is None:
        pytest.skip("no qemu-x86_64: apt-get install qemu-user")
    search = [str(Path(edgepatent_runtime.__file__).parent.parent), *sys.path]
    done = subprocess.run(
        [qemu, "-cpu", processor, str(Path(sys.executable).resolve()), "-c", CODE],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in search if p)},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    saturating, exact, naive = done.stdout.split()
    assert saturating == "True"
    assert float(exact) >= 0.999
    assert float(naive) < 0.99  # or the exact kernels would not be needed
