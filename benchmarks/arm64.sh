#!/bin/sh
# What INT8 bundles answer on an emulated arm64 processor: the least cosine to their golden embeddings.
#
#     apt-get install qemu-user-static debootstrap
#     benchmarks/arm64.sh FOLDER [BUNDLE…]        default: the starter
#
# FOLDER keeps an arm64 Python of Debian 12 (unpacked, never installed: no chroot, no binfmt, but
# debootstrap wants root) and the wheels. onnxruntime 1.28 and later crash under qemu 7.2.
# It proves that answers are the same, and nothing about speed.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
folder=$1; shift
root=$folder/root
site=$folder/site

if [ ! -x "$root/usr/bin/python3.11" ]; then
    debootstrap --arch=arm64 --foreign --variant=minbase --include=python3 bookworm "$root"
    for package in "$root"/var/cache/apt/archives/*.deb; do dpkg -x "$package" "$root"; done
fi
if [ ! -d "$site/onnxruntime" ]; then
    python3 -m pip install --target "$site" --no-deps --only-binary=:all: \
        --implementation cp --python-version 3.11 --platform manylinux_2_28_aarch64 \
        --platform manylinux_2_27_aarch64 --platform manylinux2014_aarch64 \
        numpy 'onnxruntime<1.28' flatbuffers protobuf packaging msgspec
fi
PYTHONPATH="$site:$here/runtime" exec qemu-aarch64-static -L "$root" "$root/usr/bin/python3.11" - "$@" <<'END'
import platform
import sys
from pathlib import Path

import numpy
import onnxruntime

from edgepatent_runtime.bundle import Bundle
from edgepatent_runtime.encoder import Encoder, saturates

print(f"{platform.machine()}, onnxruntime {onnxruntime.__version__}, numpy {numpy.__version__}; "
      f"fast kernels overflow: {saturates()}")
bundles = [Bundle(Path(name)) for name in sys.argv[1:]] or [Bundle.starter()]
for bundle in bundles:
    drawings, expected = bundle.golden
    cosines = (Encoder(bundle).encode(drawings, batch=1) * expected).sum(1)
    print(f"{bundle.info.name}: {len(cosines)} golden drawings, least cosine {cosines.min():.7f}")
END
