#!/bin/sh
# Install a package, ask its doctor, remove it: over this root, which stays as it is (wants root).
#   .ci/try_deb.sh edgepatent_….deb
set -eu
[ "${2:-}" = inside ] || exec unshare --mount "$0" "$1" inside
scratch=$(mktemp -d)
mount -t tmpfs tmpfs "$scratch"
mkdir "$scratch/up" "$scratch/work" "$scratch/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$scratch/up,workdir=$scratch/work" "$scratch/root"
mount --rbind /proc "$scratch/root/proc"
mount --rbind /dev "$scratch/root/dev"
cp "$1" "$scratch/root/edgepatent.deb"
chroot "$scratch/root" /bin/sh -eu -c '
    export HOME=/nobody
    dpkg -i /edgepatent.deb
    cd /
    edgepatent doctor
    dpkg -r edgepatent
    for left in /opt/edgepatent /usr/bin/edgepatent /usr/lib/systemd/user/edgepatent-watch.service; do
        [ ! -e $left ] || { echo "$left is left"; exit 1; }
    done
'
echo "installed, in order, and removed"
