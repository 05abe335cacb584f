"""The table of VidInfra's routes; the modules beside this one enter theirs.

Access words: ``public``; ``user``: any key or token; ``host``: a host's; ``token``: a token, not a key.
"""

from __future__ import annotations

from airflow_provider_sessions.sandbox.routing import Routes

VIDEO_MOUNT = "/vidinfra/v1/vidinfra"
"""Path of the base URL of the video API; its routes stand in the table with their whole path."""

routes = Routes()
