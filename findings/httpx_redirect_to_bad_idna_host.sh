#!/usr/bin/env bash
# httpx 0.28.1 with idna 3.20: a redirect to a host that is no valid IDNA name raises an error outside httpx's tree
#
# Guessed: a Location that cannot be used is an httpx.RemoteProtocolError ("Invalid URL in location header"), as it is
# where the address has no readable port.
# Seen: idna's own InvalidCodepoint, a UnicodeError, leaves client.get(). `except httpx.HTTPError` does not catch it.
# Matters: a retry around httpx's errors does not see it, so one odd redirect of a platform or of a storage host ends a
# wait or an export with a raw error.
# Date: 2026-11-30
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet --disable-pip-version-check httpx==0.28.1 idna==3.20
"$work/env/bin/python" - <<'PYTHON'
import httpx


def outcome(location: str) -> Exception | None:
    def respond(request: httpx.Request) -> httpx.Response:
        return httpx.Response(302, headers={"Location": location})

    client = httpx.Client(transport=httpx.MockTransport(respond), follow_redirects=True)
    try:
        client.get("http://platform.test/")
    except Exception as error:
        return error
    return None


port, host = outcome("http://files.test:port/"), outcome("http://xn--a/")
print("Location with a bad port:", type(port).__module__, type(port).__name__, "-", port)
print("Location with a bad host:", type(host).__module__, type(host).__name__, "-", host)
assert isinstance(port, httpx.RemoteProtocolError), "CHANGED: the bad port"
assert isinstance(host, UnicodeError) and not isinstance(host, httpx.HTTPError), "CHANGED: the bad host"
PYTHON
