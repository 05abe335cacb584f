"""The credential of Sessions: an API key with a role, and how its errors are explained."""

from __future__ import annotations

from airflow_provider_sessions.client.responses import Dialect
from airflow_provider_sessions.platforms.account import Account

DIALECT = Dialect(
    "sessions_us",
    hints={
        401: "Check the connection: password holds the API key (Profile > Workspace settings > Public API); "
        "a revoked key stops working",
        403: "The key's role does not allow this: a key of role GUEST serves guest requests alone; make one of "
        "role USER",
    },
)


def get_key_role(account: Account) -> str:
    """Return the role of the connection's key.

    :raises ConnectionConfigError: it is neither USER nor GUEST.
    """
    return account.choice("key_role", ("USER", "GUEST"), "USER")


def check_key_role(account: Account, route: str) -> None:
    """Refuse a key of role GUEST before the platform does: it is for guest requests only.

    :param route: the endpoint to call.
    :raises ConnectionConfigError: the connection's key has that role.
    """
    if get_key_role(account) == "GUEST":
        raise account.make_field_error(
            "key_role",
            f"is GUEST, which serves guest requests alone, not {route}; use a key of role USER, or call the endpoint "
            f"'register_guest'",
        )
