#!/bin/sh
# Ask an image's doctor, index and search with it, as docs/container.md says to run it: no network,
# nothing to write to but the volumes, no privilege, not as root.
#   .ci/try_image.sh IMAGE      ENGINE is podman, or docker
set -eu
image=$1
engine=${ENGINE:-podman}
index=edgepatent-tried-index-$$
home=edgepatent-tried-home-$$
trap '$engine volume rm --force "$index" "$home" >/dev/null' EXIT

run() { # run OPTION… -- ARGUMENT…
    options=
    while [ "$1" != -- ]; do
        options="$options $1"
        shift
    done
    shift
    # shellcheck disable=SC2086
    $engine run --rm --network none --read-only --tmpfs /tmp --cap-drop all \
        --security-opt no-new-privileges --env OMP_NUM_THREADS=1 $options "$image" "$@"
}

[ "$(run --entrypoint /usr/bin/id -- -u)" != 0 ] || { echo "it runs as root" >&2; exit 1; }
run -- doctor
run --volume="$home:/home/edgepatent" -- data synthesize --out drawings --designs 4 --views 2 --seed 1
run --volume="$home:/home/edgepatent:ro" --volume="$index:/index" -- index add drawings
run --volume="$home:/home/edgepatent:ro" --volume="$index:/index:ro" -- \
    search drawings/SYN1-000000/1.png --top 1
echo "in order, indexed and searched: without a network, with a read-only root, as nobody in particular"
