#!/bin/sh
# Installs PyBullet, which only the simulator needs, for the Python that is given: `simulator.sh .venv/bin/python`.
# There are wheels for Linux on x86_64 up to Python 3.11. For others it is built from its source, once: the wheel is kept in
# ~/.cache/gato_ros/wheels. Without a C++ compiler there is no simulator: this says so and ends with 0, and its tests skip.
set -eu
python=$1
here=$(dirname "$0")
wheels=${XDG_CACHE_HOME:-$HOME/.cache}/gato_ros/wheels
pip="$python -m pip --disable-pip-version-check"
wanted=$(sed '/^#/d' "$here/sim.txt")
mkdir -p "$wheels"

$pip install --quiet --only-binary :all: --find-links "$wheels" "$wanted" >/dev/null 2>&1 && exit 0

version=$($python -c 'import sys; print("%d.%d" % sys.version_info[:2])')
header=$($python -c 'import os, sysconfig; print(os.path.join(sysconfig.get_path("include"), "Python.h"))')
missing=
command -v "${CXX:-c++}" >/dev/null 2>&1 || missing="no C++ compiler"
[ -f "$header" ] || missing="${missing:+$missing and }no Python.h"
if [ -n "$missing" ]; then
  echo "no simulator: PyBullet has no wheel for Python $version, and there is $missing here to build it with." \
    "All else works; tests that need it skip. Debian, Ubuntu: sudo apt install g++ python$version-dev," \
    "then sh $0 $python" >&2
  exit 0
fi
log=$wheels/build-$version.log
echo "building $wanted from its source for Python $version, which has no wheel of it: 80 MB to fetch, then about 7 minutes" \
  "on one core. This happens once: the wheel is kept in $wheels; the compiler's words are in $log"
$pip wheel --no-deps --wheel-dir "$wheels" "$wanted" >"$log" 2>&1 || {
  tail -n 5 "$log" >&2
  echo "PyBullet could not be built: see $log. To go on without the simulator: make SIMULATOR=no venv" >&2
  exit 1
}
$pip install --quiet --only-binary :all: --find-links "$wheels" "$wanted"
