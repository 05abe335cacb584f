#!/usr/bin/env bash
# Make a virtual environment, or bring an existing one up to date:
#
#     scripts/environment.sh DIRECTORY CONSTRAINTS PYTHON [GROUP]
#
# installs the package (editable, with every extra) and the dependency group GROUP, if named, at the versions that
# CONSTRAINTS pins. uv does it where it is on the PATH, for speed; else pip.
set -euo pipefail

directory=$1 constraints=$2 python=$3 group=${4:-}
wanted=(--constraint "$constraints" --editable '.[all]')
[[ -z $group ]] || wanted+=(--group "$group")

echo "Installing into $directory at the versions of $constraints; the first time takes a few minutes."
if [[ ! -x $directory/bin/python ]]; then
    "$python" -m venv "$directory"
fi
if command -v uv >/dev/null && uv --version >/dev/null 2>&1; then
    uv pip install --quiet --python "$directory/bin/python" "${wanted[@]}"
else
    pip=("$directory/bin/python" -m pip --disable-pip-version-check)
    "${pip[@]}" --version >/dev/null 2>&1 || "$directory/bin/python" -m ensurepip
    "${pip[@]}" install --quiet --upgrade 'pip>=25.1' # the first that knows dependency groups
    "${pip[@]}" install --quiet "${wanted[@]}"
fi
