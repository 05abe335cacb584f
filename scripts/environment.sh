#!/usr/bin/env bash
# Make a virtual environment, or bring an existing one up to date:
#
#     scripts/environment.sh DIRECTORY CONSTRAINTS [GROUP]
#
# installs the package (editable, with every extra) and the dependency group GROUP, if named, at the versions that
# CONSTRAINTS pins. PACKAGE in the environment names another choice of extras; empty: the group alone. PYTHON names the
# interpreter, else one is looked for. uv does the installing where it is on the PATH, for speed; else pip, and also if
# uv fails.
#
# The extra "mysql" comes last, and is left out where its driver cannot be compiled: that takes a compiler, Python's
# headers, pkg-config and the headers of MariaDB's client (on Debian and Ubuntu: gcc, python3-dev, pkg-config,
# libmariadb-dev).
set -euo pipefail

directory=$1 constraints=$2 group=${3:-}
package=${PACKAGE-.[all]}
wanted=(--constraint "$constraints")
[[ -z $package ]] || wanted+=(--editable "$package")
[[ -z $group ]] || wanted+=(--group "$group")

uv=$(command -v uv || true) # pip is put into an environment where there is no uv, or it fails
if [[ ! -x $directory/bin/python ]]; then
    python=${PYTHON:-$("$(dirname "$0")/find-python.sh")}
    "$python" -m venv ${uv:+--without-pip} "$directory"
fi
echo "Installing into $directory what $constraints pins; the first time this can take some minutes."

# install ARGUMENT...: with uv, and with pip where there is no uv or it fails.
install() {
    if [[ -n $uv ]]; then
        uv pip install --quiet --python "$directory/bin/python" "$@" && return
        echo "uv has failed: installing with pip."
    fi
    local pip=("$directory/bin/python" -m pip --disable-pip-version-check)
    "${pip[@]}" --version >/dev/null 2>&1 || "$directory/bin/python" -m ensurepip
    "${pip[@]}" install --quiet --upgrade 'pip>=25.1' # the first that knows dependency groups
    "${pip[@]}" install --quiet "$@"
}

install "${wanted[@]}"
if [[ $package != '.[all]' ]]; then
    exit
elif pkg-config --exists libmariadb 2>/dev/null || pkg-config --exists mysqlclient 2>/dev/null; then
    install --constraint "$constraints" --editable '.[mysql]' ||
        echo "The extra mysql could not be installed: tests with Airflow's provider of MySQL are skipped."
else
    echo "No headers of MariaDB's client: the extra mysql is left out, and tests with it are skipped."
fi
