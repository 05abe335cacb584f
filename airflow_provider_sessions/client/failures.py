"""httpx's errors, and a deadline's, turned into ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from airflow_provider_sessions.errors import (
    BrokenConnectionError,
    ConnectError,
    ConnectionConfigError,
    MalformedAnswerError,
    RedirectRefusedError,
)


@contextmanager
def our_errors(what: str) -> Iterator[None]:
    """Raise our error instead of httpx's.

    :param what: the request in a few words, without secrets.
    :raises ConnectError: nothing was sent.
    :raises BrokenConnectionError: the request may have arrived.
    """
    try:
        yield
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError, httpx.PoolTimeout) as failure:
        raise ConnectError(f"{what}: no connection: {failure}") from failure
    except (httpx.UnsupportedProtocol, httpx.InvalidURL) as failure:
        raise ConnectionConfigError(f"{what}: {failure}; check the connection's host") from failure
    except httpx.TooManyRedirects as failure:
        raise RedirectRefusedError(f"{what}: too many redirects") from failure
    except httpx.DecodingError as failure:
        raise MalformedAnswerError(f"{what}: the answer's compression is broken") from failure
    except (httpx.HTTPError, TimeoutError) as failure:
        told = str(failure) or "no answer in time"
        raise BrokenConnectionError(f"{what}: {type(failure).__name__}: {told}") from failure
