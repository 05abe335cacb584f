"""What the clients of stores raise, as this package tells it.

Errors of the operating system's kinds (a missing right, no connection) are passed on: they say what they mean.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from airflow_provider_sessions.errors import ExportError, SessionsError

_REMEDIES = {
    HTTPStatus.NOT_IMPLEMENTED: "this store does not know a part of the protocol that is needed; update it, or write "
    "into another one",
    HTTPStatus.CONFLICT: "the store saw another request for the same file in the same moment; a retry goes on from "
    "here. If it says so again, nobody else writing, let runs follow each other (max_active_runs=1)",
}
_PASSING = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)
_REFUSALS = ("ParamValidationError", "SFTPFailure", "SFTPOpUnsupported", "SFTPPermissionDenied")
"""Of botocore and asyncssh, which need not be installed."""
_OTHERWISE = "the store did not do it; a retry goes on from here"


def status_of(error: BaseException | None) -> int | None:
    """The HTTP status that an error of a store's client tells of, or one that it came from."""
    while error is not None:
        response = getattr(error, "response", None)  # botocore's is a mapping
        told = response.get("ResponseMetadata", {}).get("HTTPStatusCode") if isinstance(response, dict) else None
        for status in (told, getattr(error, "status_code", None), getattr(error, "code", None)):
            if str(status).isdecimal() and 400 <= int(str(status)) < 600:
                return int(str(status))
        error = error.__cause__
    return None


def is_refusal(error: Exception) -> bool:
    """Whether a request was understood and refused, or cannot be made at all, so that it is no use to repeat it."""
    status = status_of(error)
    if status is not None:
        return status == HTTPStatus.NOT_IMPLEMENTED or (status < 500 and status not in _PASSING)
    return isinstance(error, TypeError | NotImplementedError) or type(error).__name__ in _REFUSALS


@contextmanager
def told_plainly(address: str) -> Iterator[None]:
    """Turn what only a store's client can raise into an :class:`ExportError` that says what to do."""
    try:
        yield
    except SessionsError:
        raise
    except Exception as error:
        status = status_of(error)
        if isinstance(error, OSError) and status not in _REMEDIES:
            raise
        remedy = _REMEDIES.get(HTTPStatus(status), _OTHERWISE) if status in _REMEDIES else _OTHERWISE
        first_line = (str(error).splitlines() or [""])[0][:300]
        raise ExportError(f"{address}: {remedy} ({type(error).__name__}: {first_line})") from error
