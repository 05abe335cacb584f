"""Every error this package raises.

::

    SessionsError
    ├── InputError (ValueError)             what was given cannot be meant; nothing was sent
    │   ├── ConnectionConfigError               a field of the Airflow connection
    │   └── OptionsError                        ``options`` of a platform
    ├── UnsupportedError                    the platform cannot do that; says what to use instead
    ├── NoAnswerError                       a request got no whole answer
    │   ├── ConnectError                        it was never sent
    │   └── BrokenConnectionError               it may have arrived: time-out, reset, truncated body
    ├── ApiError                            the platform answered with an error status
    │   ├── AuthenticationError                 401
    │   │   └── ClockSkewError                      401, while this machine's clock is off by minutes
    │   ├── PermissionDeniedError               403
    │   │   └── LinkRefusedError                    400, 401, 403 of a host that holds files, not of the platform
    │   ├── NotFoundError                       404, 410
    │   ├── ConflictError                       409
    │   ├── RejectedError                       400, 422 and the other 4xx
    │   ├── RateLimitedError                    429
    │   │   └── NoSlotError                         our own budget leaves no room soon enough; nothing was sent
    │   └── ServerError                         5xx
    │       └── TemporaryError                      408, 423, 425
    ├── AnswerError                         the platform answered, but not in a way that can be used
    │   ├── MalformedAnswerError                not JSON, or JSON of another shape
    │   ├── AnswerTooLargeError
    │   ├── UnknownStateError                   a state word outside the known set
    │   ├── PagingError                         pages that repeat, end too early or never end
    │   └── RedirectRefusedError
    ├── WaitError                           a wait that cannot end as asked
    │   ├── UnreachableError                    the session can no longer reach what was waited for
    │   └── TooManyFailuresError
    └── ExportError                         an export or a download that cannot be completed
        └── IncompleteDownloadError

Texts never hold a credential, a presigned address or a body of a request. What they quote of others is cut, and fit to
be shown: see :mod:`airflow_provider_sessions.safe_text`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from airflow_provider_sessions.safe_text import sanitize_text

_LENGTH = 4000
"""Characters of a text: what it quotes is cut to a few hundred, so none comes near."""


class SessionsError(Exception):
    """Root of the tree: catch this to catch everything this package raises on purpose."""

    def __init__(self, *args: object) -> None:
        super().__init__(*(sanitize_text(arg, _LENGTH) if isinstance(arg, str) else arg for arg in args))


class InputError(SessionsError, ValueError):
    """What was given cannot be meant. Raised before any request."""


class ConnectionConfigError(InputError):
    """A field of the Airflow connection is missing or wrong."""


class OptionsError(InputError):
    """``options`` holds a field that the platform does not know, lacks one that it needs, or has a wrong value."""


class UnsupportedError(SessionsError):
    """The platform has no way to do what was asked; the text says what to use instead.

    :param platform: the connection type.
    :param question: what was asked, in this package's words (``attendance``, ``start``).
    :param instead: a sentence that says why, and what can be done.
    """

    def __init__(self, platform: str, question: str, instead: str) -> None:
        super().__init__(f"{platform} cannot do {question!r}. {instead}")
        self.platform = platform
        self.question = question
        self.instead = instead


class NoAnswerError(SessionsError):
    """A request got no whole answer."""


class ConnectError(NoAnswerError):
    """The host could not be reached (name, port, TLS, proxy): the request was never sent."""


class BrokenConnectionError(NoAnswerError):
    """The connection broke or timed out after the request was sent: it may have been carried out."""


class ApiError(SessionsError):
    """The platform answered with an error status.

    :param message: what went wrong, for a reader of a log.
    :param status: HTTP status.
    :param route: the endpoint's name, if the request was a call of ours.
    :param reason: the platform's own words, shortened.
    :param code: the platform's own error code, if it gave one.
    :param request_id: the platform's request id, if it gave one.
    :param retry_after: seconds after which the platform (or our budget) wants to be asked again, if it said so.
    :param arguments: the arguments of the request that were refused, by name, where that is known.

    ``argument`` is the name of the task's argument that holds one of them, where an operator or a sensor knows it.
    ``by_platform`` is false where a web page came, such as a proxy or a firewall answers with.
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
    """401, while the clocks of this machine and of the platform differ by minutes: the credential may be good."""


class PermissionDeniedError(ApiError):
    """403: the credential is good, but a right, scope or plan is missing."""


class LinkRefusedError(PermissionDeniedError):
    """The host that holds a file refused its address, which has expired or was revoked; the credential is good."""


class NotFoundError(ApiError):
    """404 or 410: there is no such thing, or it is not visible with this credential."""


class ConflictError(ApiError):
    """409: the thing is in a state that does not allow this, or a name is taken."""


class RejectedError(ApiError):
    """400, 422 or another 4xx: the platform does not accept the request as it is."""


class RateLimitedError(ApiError):
    """Too many requests: the platform refused one (429), or the budget leaves no room soon enough.

    ``retry_after`` is None only where a 429 did not say when to come back.
    """


class NoSlotError(RateLimitedError):
    """The account's own rate budget leaves no room within the time that the request may wait. Nothing was sent."""


class ServerError(ApiError):
    """5xx: the platform failed."""


class TemporaryError(ServerError):
    """408, 423 or 425: the platform could not take the request now; another try may be taken.

    The request may have been carried out, as after a 5xx.
    """


class AnswerError(SessionsError):
    """The platform answered, but not in a way that can be used."""


class MalformedAnswerError(AnswerError):
    """The body is not JSON, or JSON of another shape than expected."""


class AnswerTooLargeError(AnswerError):
    """The body is larger than any answer may be, compressed or not, or holds more items."""


class UnknownStateError(AnswerError):
    """The platform used a state word that this package does not know.

    :param platform: the connection type.
    :param word: the word as it came.
    :param known: the words that are known.
    :param thing: what kind of state it is, in two words.
    :param of: the id of what is in that state.
    :ivar session: what else is known of a session in that state, as a ``Session`` in a state that it may not be in.
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
        whose = f" of {sanitize_text(of)!r}" if of else ""
        shown = sanitize_text(repr(word))
        super().__init__(f"{platform} answered with the unknown {thing} {shown}{whose}; known are {', '.join(known)}")
        self.platform = platform
        self.word = word
        self.session: Any = None

    def about(self, session: Any) -> Self:
        """The same error, with what else is known of the session."""
        found = type(self).__new__(type(self))
        found.args = self.args
        found.__dict__.update(self.__dict__, session=session)
        return found


class PagingError(AnswerError):
    """The pages of a list repeat, end too early or never end."""


class RedirectRefusedError(AnswerError):
    """The platform led to where a request must not go: another host, an address inside, from https to http."""


class WaitError(SessionsError):
    """A wait cannot end as asked."""


class UnreachableError(WaitError):
    """The session is in a state from which what was waited for can no longer come."""


class TooManyFailuresError(WaitError):
    """A run of looks failed; the last error is quoted."""


class ExportError(SessionsError):
    """An export or a download cannot be completed."""


class IncompleteDownloadError(ExportError):
    """A file ended before, or went on after, its announced size, or its checksum is wrong."""
