"""How much a wait bears: the written policy for each kind of failure.

==================================== =================================================================
failure                              policy
==================================== =================================================================
no answer, 5xx, unusable answer      borne; ``max_consecutive_failures`` of them in a row end the wait
429, or no room in the budget        borne for ever; nothing is asked before its time has passed
401                                  the connection is read again at once; three in a row end the wait
404 of the session                   borne for three looks: a session just made may not be listed yet
403, 400, 409, 422                   ends the wait at once: looking again changes nothing
unknown state word, unsupported      ends the wait at once, and quotes what is unknown
a connection that cannot be used     as 401: it may be edited while a task waits
==================================== =================================================================

A success forgives all failures before it.
"""

from __future__ import annotations

from airflow_provider_sessions.errors import (
    ApiError,
    AuthenticationError,
    ConnectionConfigError,
    InputError,
    NotFoundError,
    RateLimitedError,
    ServerError,
    SessionsError,
    TooManyFailuresError,
    UnknownStateError,
    UnsupportedError,
)

FEW = 3


def _bearable(error: SessionsError, most: int) -> int | None:
    """How many failures like this one, in a row, end a wait; None where none does."""
    if isinstance(error, RateLimitedError):
        return None
    if isinstance(error, AuthenticationError | ConnectionConfigError | NotFoundError):
        return min(FEW, most)
    if isinstance(error, UnknownStateError | UnsupportedError | InputError):
        return 1
    if isinstance(error, ApiError) and not isinstance(error, ServerError):
        return 1
    return most


class Patience:
    """Counts the failures of one wait.

    :param most: ``max_consecutive_failures``.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self.failures = 0

    def succeed(self) -> None:
        """A look succeeded."""
        self.failures = 0

    def fail(self, error: SessionsError) -> None:
        """A look failed.

        :param error: how.
        :raises SessionsError: the error itself, where looking again changes nothing.
        :raises TooManyFailuresError: it was one too many; quotes it.
        """
        limit = _bearable(error, self._most)
        if limit is None:
            return
        self.failures += 1
        if limit == 1 and self._most > 1:
            raise error
        if self.failures >= limit:
            raise TooManyFailuresError(f"{self.failures} looks in a row failed; the last: {error}") from error
