#!/usr/bin/env bash
# s3fs 2026.9.0: reading a small object with cat_file takes two requests, and looking into an empty folder takes three
#
# Guessed: cat_file of an object sends one GET, as its chunked, parallel download is for large objects; find() of a
# prefix sends one LIST.
# Seen: cat_file sends a HEAD for the size before each GET, whatever the size, unless it is called with max_concurrency=1.
# find() of a prefix without objects sends LIST, HEAD and LIST.
# Matters: ledgers and markers are many small objects. Each read costs twice the time and twice the paid requests.
# Date: 2026-11-30
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet --disable-pip-version-check s3fs==2026.9.0 'moto[server,s3]==5.1.15'
cat >"$work/read.py" <<'PYTHON'
import logging
import threading

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

import s3fs

sent = []


class Recorder(WSGIRequestHandler):
    def log_request(self, *_):
        sent.append("LIST" if "list-type" in self.path else self.command)


logging.disable(logging.CRITICAL)
server = make_server("127.0.0.1", 0, DomainDispatcherApplication(create_backend_app), True, request_handler=Recorder)
threading.Thread(target=server.serve_forever, daemon=True).start()
store = s3fs.S3FileSystem(
    key="a", secret="b", endpoint_url=f"http://127.0.0.1:{server.server_port}", use_listings_cache=False
)
store.mkdir("bucket")
store.pipe_file("bucket/small", b"twelve bytes")


def show(title, read):
    sent.clear()
    read()
    print(title, *sent)


show("cat_file:", lambda: store.cat_file("bucket/small"))
show("cat_file max_concurrency=1:", lambda: store.cat_file("bucket/small", max_concurrency=1))
show("find:", lambda: store.find("bucket/empty"))
PYTHON
"$work/env/bin/python" "$work/read.py" >"$work/seen"
cat "$work/seen"
diff "$work/seen" - <<'SEEN' || { echo "CHANGED: s3fs sends other requests"; exit 1; }
cat_file: HEAD GET
cat_file max_concurrency=1: GET
find: LIST HEAD LIST
SEEN
