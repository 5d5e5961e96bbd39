#!/bin/sh
# Make the starters from drawings and ImageNet weights, with the project's own commands: about an
# hour on one core. With OMP_NUM_THREADS=1 two runs on one machine gave the same model, byte by
# byte.
#   recipes/starter.sh [OUT [WORK]]
# $EDGEPATENT_SHARED (default ../shared) holds data/ and weights/; OUT is the folder of both, by default
# of those that come with the runtime; each is replaced there when the new one is complete. With WORK
# the training runs are kept there, and gone on with.
set -eu
cd "$(dirname "$0")/.."
shared=${EDGEPATENT_SHARED:-../shared}
out=${1:-runtime/edgepatent_runtime}
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

# The head over a backbone, and the bundle: finish NAME BACKBONE
finish() {
    name=$1
    backbone=$2
    # Also from real drawings: its twin part learns from designs of which several drawings are known,
    # its kin part from patents of which a class is known, and what CLIP says of drawing and title.
    designs=designs=368,seed=11,views=7,figures=3,captions=0
    set -- --data "sheets=synthetic:$designs" --data "sheets=meshes:$shared/data/meshes,$designs"
    for _ in 1 2; do
        set -- "$@" --data "sheets=$shared/data/uspto-grants" --data "sheets=$shared/data/uspto-sheets"
    done
    train "$work/$name-run" --recipe "recipes/$name.toml" "$@" \
        --data "patents=$shared/data/uspto-2007" \
        --teacher "$shared/data/uspto-2007/clip_vit_b32.npz" --weights "$backbone"
    rm -rf "$work/exported/$name" "${work:?}/$name"
    $edgepatent export "$work/$name-run" --int8 --notes "recipes/$name.md" \
        --out "$work/exported/$name" --data "$shared/data/uspto-grants" \
        --data "$shared/data/uspto-sheets" --data "$shared/data/uspto-2007" \
        --data synthetic:designs=100,views=2,seed=20260103
    # What words look like, from titles of the drawings that taught kin and titles with their classes.
    $edgepatent bundle words "$work/exported/$name" --out "$work/$name" \
        --data "$shared/data/uspto-2007" --titles "$shared/data/uspto-titles/titles_2021.csv"
    mkdir -p "$out"
    rm -rf "${out:?}/$name"
    cp -R "$work/$name" "$out/$name"
}

# 1. The starter. Its backbone sees synthetic designs alone, one photograph of each among their
# drawings: nothing of the real patents can be learned by heart.
designs=designs=1200,seed=31,views=5,figures=3,captions=0,photographs=1
train "$work/backbone" --recipe recipes/starter-backbone.toml \
    --data "synthetic:$designs" --data "meshes:$shared/data/meshes,$designs" \
    --weights "$shared/weights/tf_efficientnet_lite0.in1k_int8deq_nohead.safetensors"
finish starter "$work/backbone"

# 2. starter-small, whose backbone learns from the starter's, on designs that neither has seen. (The one
# that is shipped learned so from the backbone of the starter before; its files stayed as they are.)
# Make it on a processor without 8-bit dot products: with them its export was refused (benchmarks/kin.md).
designs=designs=1200,seed=22,views=5,figures=3,captions=0
train "$work/small" --recipe recipes/starter-small-backbone.toml \
    --data "synthetic:$designs" --data "meshes:$shared/data/meshes,$designs" \
    --teacher "$work/backbone" \
    --weights "$shared/weights/tf_mobilenetv3_small_100.in1k_int8deq_noconvhead.safetensors"
finish starter-small "$work/small"
