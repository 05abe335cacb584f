"""The table of Prevail's routes; the modules beside this one enter theirs.

Access words: ``token``: a token of any organization; ``self_service``: of one that has Self-Service; ``public``: no
token (web pages, and files that are asked for by a presigned address).
"""

from __future__ import annotations

from airflow_provider_sessions.sandbox.routing import Routes

routes = Routes()
