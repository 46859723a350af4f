#!/bin/sh
# Which Python and which folder the Makefile uses: `environment.sh PYTHON FOLDER` prints both in one line.
# PYTHON may be empty: then it is the one that FOLDER was made with, or the first that is here. Where FOLDER holds another
# Python than PYTHON, a folder of its own is named. Nothing is printed where there is no such Python.
wanted=$1 folder=$2

version() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null; }

# pyenv puts a command for every version on the path, and refuses those that `pyenv global` does not name.
find_python() {
  if version "$1" >/dev/null; then echo "$1" && return; fi
  case $1 in */*) return ;; esac
  found=$(ls -d "${PYENV_ROOT:-$HOME/.pyenv}"/versions/*/bin/"$1" 2>/dev/null | sort -V | tail -n 1)
  if [ -n "$found" ] && version "$found" >/dev/null; then echo "$found"; fi
}

made_with=$(version "$folder/bin/python")
if [ -z "$wanted" ]; then
  for one in ${made_with:+python$made_with} python3.11 python3.12 python3.13; do
    wanted=$(find_python "$one")
    [ -n "$wanted" ] && break
  done
else
  wanted=$(find_python "$wanted")
fi
# An environment goes on to serve when the Python that made it is no longer on the path.
[ -z "$wanted" ] && [ -z "$1" ] && [ -n "$made_with" ] && wanted=$folder/bin/python
[ -z "$wanted" ] && exit 0
asked=$(version "$wanted")
[ -n "$made_with" ] && [ "$made_with" != "$asked" ] && folder=$folder-$asked
echo "$wanted $folder"
