"""The boundary to httpx: the names that are used of it, its errors, and its log lines.

No other module imports httpx; they write ``from airflow_provider_sessions.client import httpx_api as httpx``. From
Airflow 3.4 on, httpx2 may be imported in the same process as well; this module decides which of the two is used here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from httpx import (
    URL,
    USE_CLIENT_DEFAULT,
    AsyncBaseTransport,
    AsyncByteStream,
    AsyncClient,
    Auth,
    ByteStream,
    ConnectError,
    ConnectTimeout,
    Cookies,
    DecodingError,
    Headers,
    HTTPError,
    InvalidURL,
    LocalProtocolError,
    PoolTimeout,
    Proxy,
    ProxyError,
    ReadError,
    ReadTimeout,
    RemoteProtocolError,
    Request,
    Response,
    Timeout,
    TooManyRedirects,
    TransportError,
    UnsupportedProtocol,
    WriteError,
    WriteTimeout,
    create_ssl_context,
)

from airflow_provider_sessions.errors import (
    BrokenConnectionError,
    ConnectionConfigError,
    MalformedResponseError,
    RedirectRefusedError,
)
from airflow_provider_sessions.errors import (
    ConnectError as NotConnectedError,
)
from airflow_provider_sessions.safe_text import sanitize_text

__all__ = [
    "URL",
    "USE_CLIENT_DEFAULT",
    "AsyncBaseTransport",
    "AsyncByteStream",
    "AsyncClient",
    "Auth",
    "ByteStream",
    "ConnectError",
    "ConnectTimeout",
    "Cookies",
    "DecodingError",
    "HTTPError",
    "Headers",
    "InvalidURL",
    "LocalProtocolError",
    "PoolTimeout",
    "Proxy",
    "ProxyError",
    "ReadError",
    "ReadTimeout",
    "RemoteProtocolError",
    "Request",
    "Response",
    "Timeout",
    "TooManyRedirects",
    "TransportError",
    "UnsupportedProtocol",
    "WriteError",
    "WriteTimeout",
    "create_ssl_context",
    "drop_httpx_logs",
    "translate_httpx_errors",
]

_LOGGERS = ("httpx", "httpcore.connection", "httpcore.http11", "httpcore.http2", "httpcore.proxy", "httpcore.socks")
_is_sending: ContextVar[bool] = ContextVar("airflow_provider_sessions_sending", default=False)


@contextmanager
def drop_httpx_logs() -> Iterator[None]:
    """Drop what httpx and httpcore log in this context, which would show signed URLs.

    httpx logs every URL at level INFO, httpcore every header of a response at DEBUG. The client logs its requests
    itself, redacted. Other requests in the same process are logged as ever.
    """
    token = _is_sending.set(True)
    try:
        yield
    finally:
        _is_sending.reset(token)


def _should_log(record: logging.LogRecord) -> bool:
    return not _is_sending.get()


for _name in _LOGGERS:
    logging.getLogger(_name).addFilter(_should_log)


@contextmanager
def translate_httpx_errors(describe: Callable[[], str]) -> Iterator[None]:
    """Raise errors of this package instead of httpx's and of timeouts.

    They are not chained: an error of httpx may quote a credential or a signed URL.

    :param describe: returns the request in a few words, without secrets.
    :raises ConnectError: nothing was sent.
    :raises BrokenConnectionError: the request may have arrived.
    :raises ConnectionConfigError: the URL or the credential cannot be put into a request.
    :raises MalformedResponseError: the body cannot be decompressed, or a redirect names no valid host.
    :raises RedirectRefusedError: there were too many redirects.
    """
    try:
        yield
    except (LocalProtocolError, UnicodeEncodeError):
        raise ConnectionConfigError(
            f"{describe()}: a header cannot be sent; check the connection's credential for line breaks and other "
            f"invisible characters"
        ) from None
    except (ConnectError, ConnectTimeout, ProxyError, PoolTimeout) as error:
        raise NotConnectedError(f"{describe()}: no connection: {_get_text(error) or type(error).__name__}") from None
    except (UnsupportedProtocol, InvalidURL) as error:
        raise ConnectionConfigError(f"{describe()}: {_get_text(error)}; check the connection's host") from None
    except UnicodeError:  # httpx decodes the host of a redirect
        raise MalformedResponseError(f"{describe()}: the response names an invalid host") from None
    except TooManyRedirects:
        raise RedirectRefusedError(f"{describe()}: too many redirects") from None
    except DecodingError as error:
        raise MalformedResponseError(f"{describe()}: {_get_text(error)}") from None
    except (HTTPError, TimeoutError) as error:
        text = _get_text(error) or "no response in time"
        raise BrokenConnectionError(f"{describe()}: {type(error).__name__}: {text}") from None


def _get_text(error: Exception) -> str:
    """Return the text of an error of httpx without what follows a colon, if that quotes a response or a URL."""
    text = str(error)
    has_quote = isinstance(error, RemoteProtocolError | InvalidURL | UnsupportedProtocol)
    return sanitize_text(text.partition(":")[0] if has_quote else text)
