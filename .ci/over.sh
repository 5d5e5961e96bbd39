#!/bin/sh
# Run a command in another root, which stays as it is: what it writes lies in SCRATCH/up (wants root).
#   .ci/over.sh ROOT SCRATCH COMMAND…
# The mounts are seen by the command alone and end with it: none is left behind, however it ends.
set -eu
root=$1
scratch=$2
shift 2
if [ "${1:-}" != inside ]; then
    exec unshare --mount "$0" "$root" "$scratch" inside "$@"
fi
shift
mkdir -p "$scratch/up" "$scratch/work" "$scratch/root"
mount -t overlay overlay -o "lowerdir=$root,upperdir=$scratch/up,workdir=$scratch/work" "$scratch/root"
for folder in proc dev; do
    mkdir -p "$scratch/root/$folder"
    mount --rbind "/$folder" "$scratch/root/$folder"
done
exec chroot "$scratch/root" "$@"
