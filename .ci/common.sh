# What .ci/run and .ci/nightly have in common. Tests of PostgreSQL, MariaDB and Redis expect them at 127.0.0.1. With CI
# set, a test that is skipped has failed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

started=$SECONDS

# section TITLE COMMAND...: run it under a heading and say how long it took.
section() {
    local title=$1 began=$SECONDS
    shift
    printf '\n=== %s\n' "$title"
    if ! "$@"; then
        printf '=== %s: FAILED after %d s\n' "$title" $((SECONDS - began))
        exit 1
    fi
    printf '=== %s: done in %d s\n' "$title" $((SECONDS - began))
}

# What tests need of Debian: a browser, an SSH server, the sources of locales, and what MariaDB's driver is compiled with.
# Without one, and no right to install it, its tests are skipped.
debian() {
    local missing=()
    command -v chromium || command -v chromium-browser || command -v google-chrome || missing+=(chromium)
    [[ -x /usr/sbin/sshd ]] || missing+=(openssh-server)
    [[ -d /usr/share/i18n/locales ]] || missing+=(locales)
    pkg-config --exists libmariadb 2>/dev/null || missing+=(gcc libmariadb-dev pkg-config)
    command -v npm || missing+=(npm)
    [[ ${#missing[@]} -gt 0 ]] || return 0
    if [[ $EUID -ne 0 ]] || ! command -v apt-get >/dev/null; then
        echo "These cannot be installed here: ${missing[*]}"
        return 0
    fi
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# The stand-in of Azure's storage.
azurite() {
    if [[ ! -x .azurite/node_modules/.bin/azurite-blob ]] && command -v npm; then
        npm install --silent --no-audit --no-fund --prefix .azurite azurite@3.37.0
    fi
}

# uv installs environments in a fraction of pip's time. Where none can be had, or it finds no packages, pip does it.
uv_or_pip() {
    if command -v uv; then
        return
    fi
    [[ -x .venv-uv/bin/python ]] || "${PYTHON:-$(scripts/find-python.sh)}" -m venv .venv-uv
    if .venv-uv/bin/python -m pip install --quiet uv &&
        .venv-uv/bin/uv pip install --quiet --dry-run --reinstall --python .venv-uv/bin/python uv; then
        PATH="$PWD/.venv-uv/bin:$PATH"
    fi
    [[ -z ${PIP_FIND_LINKS:-} ]] || export UV_FIND_LINKS="${PIP_FIND_LINKS// /,}"
}

section "Debian's packages for the tests" debian
section "Azurite for the tests" azurite
section "uv, or pip where there is none" uv_or_pip
