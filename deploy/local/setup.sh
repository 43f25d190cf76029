#!/bin/sh
# Finds the fastest Python of 3.11 to 3.14 and lets install.py make .venv with it. Called by make in the repository's root.
# Usage: setup.sh [local|dev], see install.py; local unless said. Where .venv is there already, its Python stays.
set -eu
cd "$(dirname "$0")/../.."

packages=${1:-local}
case $packages in
local | dev) ;;
*)
    echo "error: setup.sh takes local or dev, not $packages" >&2
    exit 2
    ;;
esac
if [ "$(uname -s)-$(uname -m)" != "Linux-x86_64" ]; then
    echo "error: this runs on Linux x86-64 only (here: $(uname -s) $(uname -m))" >&2
    exit 1
fi
fits='import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 15))'
if .venv/bin/python -c "$fits" 2>/dev/null; then
    exec .venv/bin/python -B deploy/local/platform/install.py "$packages"
fi
found="" seen="" best="" most=0
for name in python3 python3.14 python3.13 python3.12 python3.11; do
    for python in $(which -a "$name" 2>/dev/null) "/usr/bin/$name"; do
        real=$("$python" -c 'import os, sys; print(os.path.realpath(sys.executable))' 2>/dev/null) || continue
        case " $seen " in *" $real "*) continue ;; esac
        seen="$seen $real"
        found="$found $("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')"
        "$python" -c "$fits" 2>/dev/null || continue
        rounds=$("$python" -I -S -B deploy/local/platform/measure_python.py) || continue
        if [ "$rounds" -gt "$most" ]; then
            best=$python most=$rounds
        fi
    done
done
if [ -n "$best" ]; then
    echo "the fastest Python here: $best ($("$best" -V))"
    exec "$best" -B deploy/local/platform/install.py "$packages"
fi
if [ -n "$found" ]; then
    echo "error: Python 3.11 to 3.14 with venv is needed, found only:$found" >&2
else
    echo "error: Python 3.11 to 3.14 with venv is needed, found none (python3, python3.11, 3.12, 3.13, 3.14)" >&2
fi
exit 1
