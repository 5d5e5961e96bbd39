#!/bin/sh
# Install edgepatent for one user, from wheels only: nothing is compiled, nothing needs root.
#   ./install.sh [--to FOLDER] [--bin FOLDER]   install, or update to what lies beside this script
#   ./install.sh --back                         go back to what was installed before
#   ./install.sh --uninstall                    remove the program; indexes, matters and watches stay
# With a folder "wheels" beside it (docs/raspberry-pi.md) no network is used; without one, the wheels
# of this checkout are built, and what they need comes from the package index.
set -eu

[ -n "${HOME:-}" ] || { echo "install.sh: HOME is not set: whose program is it?" >&2; exit 1; }
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

# Links are made to them, which lead nowhere from elsewhere.
case $to in /*) ;; *) to=$PWD/$to ;; esac
case $bin in /*) ;; *) bin=$PWD/$bin ;; esac
# Neither shall lead the new environment to other packages than its own.
unset PYTHONPATH PYTHONHOME

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
    rm -rf "$to/a" "$to/b" "$to/now" "$to/lock"
    rmdir "$to" 2>/dev/null || true
    echo "removed the program; indexes, matters and watches are where they were"
    exit 0
fi

if [ $do = back ]; then
    [ -e "$to/$other/whole" ] || fail "there is nothing to go back to in $to"
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

program=$bin/edgepatent
case $(readlink "$program" 2>/dev/null || true) in
    "$to"/*) ;;
    *) [ ! -e "$program" ] || fail "$program is another program: remove it, or name another folder with --bin" ;;
esac

wheels=$here/wheels
scratch=
undo() { # The one that was before stays; of what could not be made nothing does.
    rm -rf "$scratch" "${to:?}/$other"
}
if [ -d "$wheels" ]; then
    (cd "$wheels" && sha256sum --quiet --check SHA256SUMS) ||
        fail "the wheels are not as they were packed: copy the folder again"
    # What the user or the system has told pip of indexes and places is not meant for this.
    offline="--isolated --no-index"
else
    [ -d "$here/runtime" ] || fail "there is neither a folder wheels nor a checkout beside this script"
    offline=
fi
mkdir -p "$to" "$bin" || fail "name folders that you may write to with --to and --bin"
exec 9>"$to/lock"
flock --nonblock 9 || fail "somebody else installs to $to just now"
[ "$now" = "$(readlink "$to/now" 2>/dev/null || true)" ] || fail "somebody else has just installed to $to: look, and try again"
trap undo EXIT
trap 'exit 130' INT TERM HUP

rm -rf "${to:?}/$other"
pip() {
    "$to/$other/bin/python" -m pip --disable-pip-version-check --quiet "$@"
}
"$python" -m venv "$to/$other" ||
    fail "no environment can be made in $to, as said above; what was installed before is as it was"
if [ -z "$offline" ]; then
    scratch=$(mktemp -d)
    wheels=$scratch
    pip wheel --no-deps --wheel-dir "$wheels" "$here/runtime" "$here/synthetic" "$here"
fi
# By path, never by name: what an index has under our names is somebody else's.
# shellcheck disable=SC2086
pip install $offline --only-binary=:all: --find-links "$wheels" "$wheels"/edgepatent_*.whl \
    "$(echo "$wheels"/edgepatent-*.whl)[pdf,web,sign]" ||
    fail "these wheels cannot be installed on $("$python" --version) and $(uname -m), as said above; what was installed before is as it was"
# Of the program only: a damaged index must not stand in the way of the version that could mend it.
EDGEPATENT_INDEX=$to/none "$to/$other/bin/edgepatent" doctor ||
    fail "the new program does not work here, as said above; what was installed before is as it was"
: >"$to/$other/whole"
# All of it is on the disk before anything leads to it.
sync --file-system "$to"
trap - INT TERM HUP EXIT
rm -rf "$scratch"
link $other "$to/now"
ln -sfn "$to/now/bin/edgepatent" "$program"
echo "$("$program" --version) is installed: $program"
case :$PATH: in
    *:"$bin":*) ;;
    *) echo "$bin is not on your PATH: log in again, or add it" ;;
esac
