#!/usr/bin/env bash
# Make a virtual environment, or bring an existing one up to date:
#
#     scripts/environment.sh DIRECTORY CONSTRAINTS [GROUP]
#
# installs the package (editable, with every extra) and the dependency group GROUP, if named, at the versions that
# CONSTRAINTS pins. PYTHON in the environment names the interpreter, else one is looked for. uv does the installing
# where it is on the PATH, for speed; else pip.
set -euo pipefail

directory=$1 constraints=$2 group=${3:-}
wanted=(--constraint "$constraints" --editable '.[all]')
[[ -z $group ]] || wanted+=(--group "$group")

if [[ ! -x $directory/bin/python ]]; then
    python=${PYTHON:-$("$(dirname "$0")/find-python.sh")}
    "$python" -m venv "$directory"
fi
echo "Installing into $directory what $constraints pins; the first time this can take some minutes."
if command -v uv >/dev/null && uv --version >/dev/null 2>&1; then
    uv pip install --quiet --python "$directory/bin/python" "${wanted[@]}"
else
    pip=("$directory/bin/python" -m pip --disable-pip-version-check)
    "${pip[@]}" --version >/dev/null 2>&1 || "$directory/bin/python" -m ensurepip
    "${pip[@]}" install --quiet --upgrade 'pip>=25.1' # the first that knows dependency groups
    "${pip[@]}" install --quiet "${wanted[@]}"
fi
