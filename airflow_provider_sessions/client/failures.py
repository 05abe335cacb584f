"""httpx's errors, and a deadline's, turned into ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from airflow_provider_sessions.client import httpx_api as httpx
from airflow_provider_sessions.errors import (
    BrokenConnectionError,
    ConnectError,
    ConnectionConfigError,
    MalformedResponseError,
    RedirectRefusedError,
)
from airflow_provider_sessions.safe_text import sanitize_text


@contextmanager
def translate_httpx_errors(what: Callable[[], str]) -> Iterator[None]:
    """Raise our error instead of httpx's.

    :param what: tells the request in a few words, without secrets.
    :raises ConnectError: nothing was sent.
    :raises BrokenConnectionError: the request may have arrived.
    :raises ConnectionConfigError: the address or the credential cannot be put into a request.
    :raises MalformedResponseError: the body cannot be decompressed, or the answer leads to what is no host.
    """
    try:
        yield
    except (httpx.LocalProtocolError, UnicodeEncodeError):
        # Neither quoted nor chained: the text of the cause shows the header, which may be the credential.
        raise ConnectionConfigError(
            f"{what()}: a header cannot be sent; check the connection's credential for line breaks and "
            f"other characters that cannot be seen"
        ) from None
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError, httpx.PoolTimeout) as failure:
        raise ConnectError(f"{what()}: no connection: {_told(failure) or type(failure).__name__}") from None
    except (httpx.UnsupportedProtocol, httpx.InvalidURL) as failure:
        raise ConnectionConfigError(f"{what()}: {_told(failure)}; check the connection's host") from None
    except UnicodeError:  # httpx decodes the host of a redirect
        raise MalformedResponseError(f"{what()}: the answer names a host that cannot be read") from None
    except httpx.TooManyRedirects:
        raise RedirectRefusedError(f"{what()}: too many redirects") from None
    except httpx.DecodingError as failure:
        raise MalformedResponseError(f"{what()}: {_told(failure)}") from None
    except (httpx.HTTPError, TimeoutError) as failure:
        told = _told(failure) or "no answer in time"
        raise BrokenConnectionError(f"{what()}: {type(failure).__name__}: {told}") from None


def _told(failure: Exception) -> str:
    """What an error of httpx says, without what it quotes: after a colon stand bytes of an answer, or of an address.

    Nor is it chained, for the same reason.
    """
    text = str(failure)
    quotes = isinstance(failure, httpx.RemoteProtocolError | httpx.InvalidURL | httpx.UnsupportedProtocol)
    return sanitize_text(text.partition(":")[0] if quotes else text)
