"""All errors that this package raises.

::

    SessionsError
    ├── InputError (ValueError)             an argument is invalid; nothing was sent
    │   ├── ConnectionConfigError               a field of the Airflow connection
    │   └── OptionsError                        ``options`` of a platform
    ├── ConnectionNotFoundError             the Airflow connection does not exist, or could not be read
    ├── UnsupportedError                    the platform does not support this; says what to use instead
    ├── ResultTooLargeError                 a result is too large for XCom
    ├── NoResponseError                     a request got no response, or only a part of one
    │   ├── ConnectError                        the request was never sent
    │   └── BrokenConnectionError               it may have arrived: timeout, reset, truncated body
    ├── ApiError                            the platform responded with an error status
    │   ├── AuthenticationError                 401
    │   │   └── ClockSkewError                      401, while this machine's clock is off by minutes
    │   ├── PermissionDeniedError               403
    │   │   └── LinkRefusedError                    400, 401 or 403 from a host of files, not from the platform
    │   ├── NotFoundError                       404, 410
    │   ├── ConflictError                       409
    │   ├── RejectedError                       400, 422 and other 4xx
    │   ├── RateLimitedError                    429
    │   │   └── RateLimitTimeoutError               the request would wait too long for the rate limit; not sent
    │   └── ServerError                         5xx
    │       └── TemporaryError                      408, 423, 425
    ├── ResponseError                       the response cannot be used
    │   ├── MalformedResponseError              not JSON, or JSON of an unexpected shape
    │   ├── ResponseTooLargeError               more bytes or items than allowed
    │   ├── UnknownStateError                   a state that is not among the known ones
    │   ├── PagingError                         pages that repeat, end too early or never end
    │   └── RedirectRefusedError                a redirect or link to an address that must not be requested
    ├── WaitError                           a wait ended without its condition
    │   ├── UnreachableConditionError           the condition can no longer be met
    │   └── TooManyFailuresError                several polls in a row failed
    └── ExportError                         an export or a download could not be completed
        ├── IncompleteDownloadError
        └── ArtifactsAbsentError                    an export is complete, but artifacts will not become available

No text holds a credential, a presigned URL or the body of a request. What it quotes from elsewhere is shortened and
safe to show: see :mod:`airflow_provider_sessions.safe_text`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from airflow_provider_sessions.safe_text import sanitize_text

_MAX_LENGTH = 4000
"""Characters of an error's text. What it quotes is cut to a few hundred, so no text comes near."""


class SessionsError(Exception):
    """Base of all errors that this package raises."""

    def __init__(self, *args: object) -> None:
        super().__init__(*(sanitize_text(arg, _MAX_LENGTH) if isinstance(arg, str) else arg for arg in args))


class InputError(SessionsError, ValueError):
    """An argument is invalid. Raised before any request is sent."""


class ConnectionConfigError(InputError):
    """A field of the Airflow connection is missing or wrong."""


class OptionsError(InputError):
    """``options`` holds an unknown field or an invalid value, or lacks a required field."""


class ConnectionNotFoundError(SessionsError):
    """Airflow found no such connection: it does not exist, or no secrets backend could be read.

    Airflow reports both alike, so a later read may succeed.
    """


class UnsupportedError(SessionsError):
    """The platform does not support an operation.

    :param platform: the connection type.
    :param feature: the operation, such as ``attendance`` or ``start``.
    :param instead: a sentence that says why, and what to use instead.
    """

    def __init__(self, platform: str, feature: str, instead: str) -> None:
        super().__init__(f"{platform} does not support {feature!r}. {instead}")
        self.platform = platform
        self.feature = feature
        self.instead = instead


class ResultTooLargeError(SessionsError):
    """A result is too large for XCom."""


class NoResponseError(SessionsError):
    """A request got no response, or only a part of one."""


class ConnectError(NoResponseError):
    """No connection to the host (name, port, TLS, proxy): the request was never sent."""


class BrokenConnectionError(NoResponseError):
    """The connection broke or timed out after the request was sent: it may have taken effect."""


class ApiError(SessionsError):
    """The platform responded with an error status.

    :param message: what went wrong, as logs show it.
    :param status: the HTTP status.
    :param route: the endpoint's name, if an endpoint was called.
    :param reason: the platform's own message, shortened.
    :param code: the platform's own error code, if it sent one.
    :param request_id: the platform's request id, if it sent one.
    :param retry_after: seconds to wait before the next request, if the platform or the rate limiter said so.
    :param arguments: the rejected arguments of the request by name, as far as they are known.
    :ivar argument: the argument of the operator or sensor that holds one of them, if known.
    :ivar by_platform: False if the response was a web page, as from a proxy or a firewall.
    """

    argument: str | None = None
    by_platform: bool = True

    def __init__(
        self,
        message: str,
        *,
        status: int,
        route: str | None = None,
        reason: str | None = None,
        code: str | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
        arguments: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.route = route
        self.reason = reason
        self.code = code
        self.request_id = request_id
        self.retry_after = retry_after
        self.arguments = dict(arguments or {})


class AuthenticationError(ApiError):
    """401: the credential is missing, wrong, revoked or expired."""


class ClockSkewError(AuthenticationError):
    """401, while this machine's clock and the platform's differ by minutes: the credential may be valid."""


class PermissionDeniedError(ApiError):
    """403: the credential is valid, but a permission, scope or plan is missing."""


class LinkRefusedError(PermissionDeniedError):
    """The host of a file refused its URL, which has expired or was revoked; the credential is valid."""


class NotFoundError(ApiError):
    """404 or 410: the object does not exist, or is not visible with this credential."""


class ConflictError(ApiError):
    """409: the object's state does not allow the request, or a name is taken."""


class RejectedError(ApiError):
    """400, 422 or another 4xx: the platform does not accept the request."""


class RateLimitedError(ApiError):
    """Too many requests: the platform refused one (429), or the rate limiter did not send it.

    ``retry_after`` is None only if a 429 did not say how long to wait.
    """


class RateLimitTimeoutError(RateLimitedError):
    """The request would wait longer for the rate limit than it may. It was not sent."""


class ServerError(ApiError):
    """5xx: an error of the platform. The request may have taken effect."""


class TemporaryError(ServerError):
    """408, 423 or 425: the platform could not process the request now; a retry may succeed.

    The request may have taken effect, as after a 5xx.
    """


class ResponseError(SessionsError):
    """The response cannot be used."""


class MalformedResponseError(ResponseError):
    """The body is not JSON, or JSON of an unexpected shape."""


class ResponseTooLargeError(ResponseError):
    """The body has more bytes, compressed or not, or holds more items than allowed."""


class UnknownStateError(ResponseError):
    """The platform responded with a state that this package does not know.

    :param platform: the connection type.
    :param word: the state as it came.
    :param known: the known states.
    :param thing: what kind of state it is, such as ``session state``.
    :param of: the id of the object in that state.
    :ivar session: what else is known of that session, as a ``Session`` whose ``state`` is not to be used.
    """

    def __init__(
        self,
        platform: str,
        word: object,
        known: tuple[str, ...],
        *,
        thing: str = "session state",
        of: str | None = None,
    ) -> None:
        owner = f" of {sanitize_text(of)!r}" if of else ""
        shown = sanitize_text(repr(word))
        super().__init__(f"{platform} returned the unknown {thing} {shown}{owner}; known are {', '.join(known)}")
        self.platform = platform
        self.word = word
        self.session: Any = None

    def with_session(self, session: Any) -> Self:
        """Return a copy of this error that holds what else is known of the session."""
        copied = type(self).__new__(type(self))
        copied.args = self.args
        copied.__dict__.update(self.__dict__, session=session)
        return copied


class PagingError(ResponseError):
    """The pages of a list repeat, end too early or never end."""


class RedirectRefusedError(ResponseError):
    """The platform named an address that must not be requested: another host, a private address, http after https."""


class WaitError(SessionsError):
    """A wait ended without its condition."""


class UnreachableConditionError(WaitError):
    """The session is in a state in which the condition can no longer be met."""


class TooManyFailuresError(WaitError):
    """Several polls in a row failed; the text quotes the last error."""


class ExportError(SessionsError):
    """An export or a download could not be completed."""


class IncompleteDownloadError(ExportError):
    """A file is shorter or longer than announced, or its checksum is wrong."""


class ArtifactsAbsentError(ExportError):
    """An export is complete, but artifacts will not become available, and ``on_absent`` is ``fail``."""
