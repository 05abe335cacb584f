"""The table of VidInfra's routes; the modules beside this one enter theirs.

Access words: ``public``; ``user``: any key or token; ``host``: a host's; ``token``: a token, not a key.
"""

from __future__ import annotations

from airflow_provider_sessions.sandbox.routing import Routes

routes = Routes()
