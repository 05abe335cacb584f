#!/usr/bin/env bash
# Print the interpreter to build the environments with: the first on the PATH that is Python 3.11, 3.12 or 3.13 (what
# the pinned constraints were tried with) and can make virtual environments.
set -euo pipefail

for candidate in python3 python3.12 python3.13 python3.11 python; do
    if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
        command -v "$candidate"
        exit
    fi
done

cat >&2 <<'EOM'
No Python 3.11, 3.12 or 3.13 with the venv module was found on the PATH.
Install one (on Debian and Ubuntu also its package python3-venv), or name it: make PYTHON=/path/to/python3.12 ...
EOM
exit 1
