#!/bin/sh
# Finds a Python of at least 3.11 and lets install.py make .venv with it. Called by make in the repository's root.
set -eu
cd "$(dirname "$0")/../.."

if [ "$(uname -s)-$(uname -m)" != "Linux-x86_64" ]; then
    echo "error: this runs on Linux x86-64 only (here: $(uname -s) $(uname -m))" >&2
    exit 1
fi
found=""
for python in .venv/bin/python python3 python3.13 python3.12 python3.11 python3.14; do
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue
    found="$found $version"
    if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
        exec "$python" -B deploy/local/install.py
    fi
done
if [ -n "$found" ]; then
    echo "error: Python 3.11 or newer is needed, found only:$found" >&2
else
    echo "error: Python 3.11 or newer is needed, found none (python3, python3.11, 3.12, 3.13)" >&2
fi
exit 1
