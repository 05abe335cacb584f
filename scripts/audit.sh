#!/usr/bin/env bash
# Look for known faults in what this package depends on: in the oldest versions that pyproject.toml allows, and in those
# of the newest constraints. Run before each release; needs the network, where the advisories are.
#
# A floor with a fault is raised. Airflow itself is the exception: its minor versions that are supported here get no
# patches once the next one is out, so some faults of theirs are listed for as long as they are supported. PyJWT is left
# out of the oldest versions: its floor is Airflow's own, and its known faults are in verifying tokens, while this package
# only signs one and reads the expiry of another. Look at what is new of it by hand.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# audit FILE: whether nothing is known of the versions in a file; what cannot be asked about has failed as well.
audit() {
    pip-audit --strict --progress-spinner off --no-deps --disable-pip --requirement "$1" 2>&1 |
        grep -v '^WARNING:pip_audit._cli:' | tee "$work/said"
}

# A package index that has no advisories would make everything look sound. So it is asked for faults that are known.
echo "pyjwt==2.3.0" >"$work/faulty.txt"
if audit "$work/faulty.txt" >/dev/null || ! grep -q '^Found [0-9]* known vulnerabilit' "$work/said"; then
    echo "Nothing was checked: the known faults cannot be fetched from here. What pip-audit says:" >&2
    cat "$work/said" >&2
    exit 1
fi

uv pip compile --quiet --no-header --no-annotate --no-emit-index-url --no-emit-find-links --resolution lowest-direct \
    --python-version 3.11 --all-extras pyproject.toml | grep -v '^pyjwt==' >"$work/lowest.txt"
failed=0
echo "The oldest versions that are allowed"
audit "$work/lowest.txt" || failed=1
echo "The versions of constraints/airflow-3.3.txt"
audit constraints/airflow-3.3.txt || failed=1
exit "$failed"
