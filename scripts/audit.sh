#!/usr/bin/env bash
# Look for known faults in what this package depends on: in the oldest versions that pyproject.toml allows, and in those
# of the newest constraints. Run by hand before each release; needs uv, and the network, where the advisories are.
#
# A floor with a fault is raised. Airflow itself is the exception: its minor versions that are supported here get no
# patches once the next one is out, so some faults of theirs are listed for as long as they are supported. PyJWT is left
# out of the oldest versions: its floor is Airflow's own, and its known faults are in verifying tokens, while this package
# only signs one and reads the expiry of another. Look at what is new of it by hand.
set -euo pipefail

# audit TITLE FILE: whether nothing is known of the versions in a file; what cannot be asked about has failed as well.
audit() {
    echo "$1"
    uv tool run pip-audit --strict --progress-spinner off --no-deps --disable-pip --requirement "$2"
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
uv pip compile --quiet --no-header --no-annotate --no-emit-index-url --no-emit-find-links --resolution lowest-direct \
    --python-version 3.11 --all-extras pyproject.toml | grep -v '^pyjwt==' >"$work/lowest.txt"
failed=0
audit "The oldest versions that are allowed" "$work/lowest.txt" || failed=1
audit "The versions of constraints/airflow-3.3.txt" constraints/airflow-3.3.txt || failed=1
exit "$failed"
