#!/bin/sh
# Make the starter bundle from drawings and ImageNet weights, with the project's own commands: about
# 40 minutes on one core. With OMP_NUM_THREADS=1 two runs on one machine gave the same model, byte by
# byte.
#   recipes/starter.sh [OUT [WORK]]
# $EDGEPATENT_SHARED (default ../shared) holds data/ and weights/; OUT defaults to the bundle that
# comes with the runtime, which is replaced when the new one is complete. With WORK the training runs
# are kept there, and gone on with.
set -eu
cd "$(dirname "$0")/.."
shared=${EDGEPATENT_SHARED:-../shared}
out=${1:-runtime/edgepatent_runtime/starter}
edgepatent="${PYTHON:-python3} -m edgepatent"
if [ $# -ge 2 ]; then
    work=$2
    mkdir -p "$work"
else
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
fi

# Train into a run folder, or go on with what is there: train RUN OPTION…
train() {
    run=$1
    shift
    if [ -e "$run/recipe.toml" ]; then
        set -- --resume
    fi
    $edgepatent train --out "$run" "$@"
}

# 1. The backbone, on synthetic designs alone: nothing of the real patents can be learned by heart.
designs=designs=1200,seed=21,views=5,figures=3,captions=0
train "$work/backbone" --recipe recipes/starter-backbone.toml \
    --data "synthetic:$designs" --data "meshes:$shared/data/meshes,$designs" \
    --weights "$shared/weights/tf_efficientnet_lite0.in1k_int8deq_nohead.safetensors"

# 2. The head, also on real drawings: its twin part on designs of which several drawings are known,
# its kin part on patents of which a class is known, and what CLIP says of drawing and title.
designs=designs=368,seed=11,views=7,figures=3,captions=0
set -- --data "sheets=synthetic:$designs" --data "sheets=meshes:$shared/data/meshes,$designs"
for _ in 1 2; do
    set -- "$@" --data "sheets=$shared/data/uspto-grants" --data "sheets=$shared/data/uspto-sheets"
done
train "$work/run" --recipe recipes/starter.toml "$@" --data "patents=$shared/data/uspto-2007" \
    --teacher "$shared/data/uspto-2007/clip_vit_b32.npz" --weights "$work/backbone"

# 3. The bundle.
rm -rf "$work/exported" "$work/starter"
$edgepatent export "$work/run" --int8 --notes recipes/starter.md --out "$work/exported/starter" \
    --data "$shared/data/uspto-grants" --data "$shared/data/uspto-sheets" \
    --data "$shared/data/uspto-2007" --data synthetic:designs=100,views=2,seed=20260103

# 4. What words look like, from titles of the drawings that taught kin and titles with their classes.
$edgepatent bundle words "$work/exported/starter" --out "$work/starter" \
    --data "$shared/data/uspto-2007" --titles "$shared/data/uspto-titles/titles_2021.csv"
rm -rf "$out"
cp -R "$work/starter" "$out"
