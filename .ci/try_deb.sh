#!/bin/sh
# Install a package, ask its doctor, search with it, remove it: over a root, which stays as it is.
#   .ci/try_deb.sh edgepatent_….deb [ROOT]      wants root; ROOT is this one, or another Debian's
set -eu
here=$(cd "$(dirname "$0")" && pwd)
# QEMU_CPU is for an emulator, whose own choice has SVE and computes numpy's products by it wrongly.
# In memory: where this root is an overlay itself, another one cannot lie on it.
scratch=$(mktemp -d -p /dev/shm)
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/up"
cp "$1" "$scratch/up/edgepatent.deb"
"$here/over.sh" "${2:-/}" "$scratch" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/nobody \
    OMP_NUM_THREADS=1 QEMU_CPU=cortex-a76 /bin/sh -euc '
    dpkg -i /edgepatent.deb
    cd /
    edgepatent doctor
    mkdir /tried
    cd /tried
    edgepatent data synthesize --out drawings --designs 4 --views 2 --seed 1
    edgepatent index add drawings --index index
    sheet=$(find drawings -name "*.png" | sort | head -n 1)
    edgepatent search "$sheet" --index index --top 1
    cd /
    dpkg -r edgepatent
    for left in /opt/edgepatent /usr/bin/edgepatent /usr/lib/systemd/user/edgepatent-watch.service; do
        [ ! -e $left ] || { echo "$left is left"; exit 1; }
    done
'
echo "installed, in order, searched with, and removed"
