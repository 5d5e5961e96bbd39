#!/bin/sh
# Install edgepatent for one user, from wheels only: nothing is compiled, nothing needs root.
#   ./install.sh [--to FOLDER] [--bin FOLDER]   install, or update to what lies beside this script
#   ./install.sh --back                         go back to what was installed before
#   ./install.sh --uninstall                    remove the program; indexes, matters and watches stay
# With a folder "wheels" beside it (docs/raspberry-pi.md) no network is used; without one, the wheels
# of this checkout are built, and what they need comes from the package index.
set -eu

to=${XDG_DATA_HOME:-$HOME/.local/share}/edgepatent-program
bin=$HOME/.local/bin
do=install
python=${PYTHON:-python3}
here=$(cd "$(dirname "$0")" && pwd)

fail() {
    echo "install.sh: $*" >&2
    exit 1
}

while [ $# -gt 0 ]; do
    case $1 in
        --to | --bin)
            [ $# -ge 2 ] || fail "$1 needs a folder"
            if [ "$1" = --to ]; then to=$2; else bin=$2; fi
            shift
            ;;
        --back) do=back ;;
        --uninstall) do=uninstall ;;
        -h | --help)
            sed -n '2,/^set/{s/^# \{0,1\}//p}' "$0"
            exit 0
            ;;
        *) fail "what is $1? See $0 --help" ;;
    esac
    shift
done

# The program lies in one of two environments; a link says in which. It is switched by a rename, so
# that power cut at any moment leaves the old program or the new one.
link() { # link TARGET NAME
    ln -sfn "$1" "$2.new"
    mv -fT "$2.new" "$2"
}

now=$(readlink "$to/now" 2>/dev/null || true)
case $now in
    a) other=b ;;
    *) other=a ;;
esac

if [ $do = uninstall ]; then
    [ -e "$to/now" ] || [ -e "$to/a" ] || [ -e "$to/b" ] || fail "nothing is installed in $to"
    case $(readlink "$bin/edgepatent" 2>/dev/null || true) in
        "$to"/*) rm "$bin/edgepatent" ;;
    esac
    rm -rf "$to/a" "$to/b" "$to/now"
    rmdir "$to" 2>/dev/null || true
    echo "removed the program; indexes, matters and watches are where they were"
    exit 0
fi

if [ $do = back ]; then
    [ -x "$to/$other/bin/edgepatent" ] || fail "there is nothing to go back to in $to"
    link $other "$to/now"
    echo "back at $("$bin/edgepatent" --version)"
    exit 0
fi

case $(uname -m) in
    x86_64 | aarch64) ;;
    *) fail "onnxruntime has no build for $(uname -m): a 64-bit system is needed" ;;
esac
[ "$(getconf LONG_BIT)" = 64 ] || fail "this system is a 32-bit one on a 64-bit processor: install the 64-bit image"
command -v "$python" >/dev/null || fail "there is no $python: sudo apt-get install python3 python3-venv"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "$("$python" --version) is too old: 3.11 or newer is needed (Debian 12 has it)"
"$python" -c 'import ensurepip, venv' 2>/dev/null ||
    fail "$python cannot make environments: sudo apt-get install python3-venv"

wheels=$here/wheels
if [ -d "$wheels" ]; then
    (cd "$wheels" && sha256sum --quiet --check SHA256SUMS) ||
        fail "the wheels are not as they were packed: copy the folder again"
    offline=--no-index
else
    [ -d "$here/runtime" ] || fail "there is neither a folder wheels nor a checkout beside this script"
    wheels=$(mktemp -d)
    trap 'rm -rf "$wheels"' EXIT
    offline=
fi

rm -rf "$to/$other"
mkdir -p "$to" "$bin"
"$python" -m venv "$to/$other"
pip="$to/$other/bin/python -m pip --disable-pip-version-check --quiet"
if [ -z "$offline" ]; then
    # shellcheck disable=SC2086
    $pip wheel --no-deps --wheel-dir "$wheels" "$here/runtime" "$here/synthetic" "$here"
fi
# By path, never by name: what an index has under our names is somebody else's.
# shellcheck disable=SC2086
$pip install $offline --only-binary=:all: --find-links "$wheels" "$wheels"/edgepatent_*.whl \
    "$(echo "$wheels"/edgepatent-*.whl)[pdf,web,sign]" ||
    fail "these wheels cannot be installed on $("$python" --version) and $(uname -m); what was installed before is as it was"
# Of the program only: a damaged index must not stand in the way of the version that could mend it.
EDGEPATENT_INDEX=$to/none "$to/$other/bin/edgepatent" doctor ||
    fail "the new program does not work here, as said above; what was installed before is as it was"
link $other "$to/now"
ln -sfn "$to/now/bin/edgepatent" "$bin/edgepatent"
echo "$("$bin/edgepatent" --version) is installed: $bin/edgepatent"
case :$PATH: in
    *:"$bin":*) ;;
    *) echo "$bin is not on your PATH: log in again, or add it" ;;
esac
