"""The table of Sessions' routes; the modules beside this one enter theirs. ``controls``: what tests alone may do.

Access words: ``user``: a key of role USER; ``guest``: a key of role GUEST, and USER where a setting allows it;
``page``: a web page, open to everybody.
"""

from __future__ import annotations

from airflow_provider_sessions.sandbox.routing import Routes

routes = Routes()
controls = Routes()

PAGES = "/sessions_us/app"
"""Where the web pages are."""
