#!/usr/bin/env bash
# mkdocs 1.6.1: `mkdocs build --quiet --strict` succeeds with dead links
#
# Guessed: --quiet only prints less, so that a strict build still fails on a warning.
# Seen: with a link to a page that does not exist, `mkdocs build --strict` exits with 1 ("Aborted with 1 warnings in
# strict mode!"), and `mkdocs build --quiet --strict` with 0, and prints nothing. Strict mode counts the warnings that
# reach its log handler; --quiet sets the logger's level to ERROR, so none does. The setting `strict: true` is as silent.
# Matters: a build in CI that is to fail on dead links and is kept quiet checks nothing, and looks as if it did.
# Date: 2026-12-01
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet --disable-pip-version-check mkdocs==1.6.1
cd "$work"
mkdir docs
echo "site_name: dead links" >mkdocs.yml
echo "[dead](nowhere.md)" >docs/index.md

# build OPTION...: print the options and the exit status.
build() {
    local status=0
    env/bin/mkdocs build "$@" >output 2>&1 || status=$?
    echo "mkdocs build $*: exit status $status, $(wc -l <output) lines of output"
    return $status
}

! build --strict || { echo "CHANGED: a dead link does not fail a strict build"; exit 1; }
grep "strict mode" output
build --quiet --strict || { echo "CHANGED: a quiet strict build fails, as one would expect"; exit 1; }
