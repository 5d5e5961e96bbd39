#!/bin/sh
# Make the starter bundle from drawings and ImageNet weights, with the project's own commands.
#   recipes/starter.sh [OUT]
# $EDGEPATENT_SHARED (default ../shared) holds data/ and weights/; OUT defaults to the bundle that
# comes with the runtime, which is replaced when the new one is complete.
set -eu
cd "$(dirname "$0")/.."
shared=${EDGEPATENT_SHARED:-../shared}
out=${1:-runtime/edgepatent_runtime/starter}
edgepatent="${PYTHON:-python3} -m edgepatent"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

$edgepatent train --epochs 0 --recipe recipes/starter.toml --out "$work/run" \
    --weights "$shared/weights/tf_efficientnet_lite0.in1k_int8deq_nohead.safetensors" \
    --data "$shared/data/uspto-grants" --data "$shared/data/uspto-sheets"
$edgepatent export "$work/run" --int8 --notes recipes/starter.md --out "$work/starter" \
    --data "$shared/data/uspto-grants" --data "$shared/data/uspto-sheets" \
    --data synthetic:designs=100,views=2,seed=20260103
rm -rf "$out"
cp -R "$work/starter" "$out"
