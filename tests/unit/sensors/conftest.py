from tests.connected import close_portal, connect, context, sandbox, sandbox_server, vidinfra

__all__ = ["close_portal", "connect", "context", "sandbox", "sandbox_server", "vidinfra"]
