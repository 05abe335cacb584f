"""Open connections for httpcore: to the first of a host's addresses that accepts, and to allowed addresses only."""

from __future__ import annotations

import asyncio
import select
import socket
import ssl
from typing import Any

import aiohappyeyeballs
import anyio
import anyio._backends._asyncio  # else the first request imports it, which takes 50 ms of the event loop
import httpcore
from anyio.abc import ByteStream, SocketAttribute, SocketStream
from anyio.streams.tls import TLSAttribute, TLSStream

from airflow_provider_sessions.client.addresses import AddressPolicy, resolve

_ATTEMPT_DELAY = 0.25
"""Seconds until a host's next address is tried in parallel. Source: RFC 8305, section 5."""
_READ_BYTES = 1024 * 1024
"""Bytes read at once. With the 64 KiB that httpcore requests, a download takes a fifth more CPU time."""


class NetworkBackend(httpcore.AnyIOBackend):
    """Opens connections for httpcore, to the first of a host's addresses that accepts.

    :param policy: the addresses that may be connected to.
    """

    def __init__(self, policy: AddressPolicy) -> None:
        self._policy = policy

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature, as below
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to a host.

        :param host: the host.
        :param port: the port.
        :param timeout: seconds for resolving the host and connecting to it.
        :param local_address: not used.
        :param socket_options: not used.
        :raises RedirectRefusedError: one of its addresses must not be connected to.
        :raises httpcore.ConnectTimeout: none of its addresses accepted in time.
        :raises httpcore.ConnectError: there is no such host, or it refuses the connection.
        """
        try:
            async with asyncio.timeout(timeout):
                addresses = await resolve(host, port, self._policy)
                connected = await aiohappyeyeballs.start_connection(
                    addresses, happy_eyeballs_delay=_ATTEMPT_DELAY, interleave=1
                )
                stream: Any = await SocketStream.from_socket(connected)
                # anyio pauses reading while nobody waits for bytes, except at first for a socket that it did not open
                # itself: a file that comes faster than it is written would be in memory as a whole.
                stream._transport.pause_reading()
                return _Stream(stream)
        except TimeoutError:
            raise httpcore.ConnectTimeout() from None
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error


class _Stream(httpcore.AsyncNetworkStream):
    """The bytes of a connection.

    :param stream: a socket, or TLS over one.
    """

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        # Looked up once: httpcore asks before each request whether there are unread bytes.
        self._tls: ssl.SSLObject | None = stream.extra(TLSAttribute.ssl_object, None)  # noqa: S610 - it is no query
        self._poll = select.poll()
        raw_socket: socket.socket = stream.extra(SocketAttribute.raw_socket)  # noqa: S610
        self._poll.register(raw_socket.fileno(), select.POLLIN)

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        """Return the next bytes; none at the end."""
        try:
            async with asyncio.timeout(timeout):
                return await self._stream.receive(_READ_BYTES)
        except anyio.EndOfStream:
            return b""
        except TimeoutError:
            raise httpcore.ReadTimeout() from None
        except (anyio.BrokenResourceError, anyio.ClosedResourceError) as error:
            raise httpcore.ReadError(str(error.__cause__ or "")) from error

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """Send bytes."""
        if not buffer:  # httpcore writes none at the end of a request without a body
            return
        try:
            async with asyncio.timeout(timeout):
                await self._stream.send(buffer)
        except TimeoutError:
            raise httpcore.WriteTimeout() from None
        except (anyio.BrokenResourceError, anyio.ClosedResourceError) as error:
            raise httpcore.WriteError(str(error.__cause__ or "")) from error

    async def aclose(self) -> None:
        """Close the connection."""
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> httpcore.AsyncNetworkStream:
        """Return a stream with TLS over this one.

        :raises httpcore.ConnectError: the server does not use TLS, or is not trusted.
        """
        try:
            async with asyncio.timeout(timeout):
                return _Stream(
                    await TLSStream.wrap(
                        self._stream, hostname=server_hostname, ssl_context=ssl_context, standard_compatible=False
                    )
                )
        except BaseException as error:
            await self.aclose()
            if isinstance(error, TimeoutError):
                raise httpcore.ConnectTimeout() from None
            if isinstance(error, ssl.SSLError | anyio.BrokenResourceError | anyio.EndOfStream):
                raise httpcore.ConnectError(str(error)) from error
            raise

    def get_extra_info(self, info: str) -> Any:
        """Return what httpcore needs to know: the TLS object, or whether there are unread bytes."""
        if info == "ssl_object":
            return self._tls
        if info == "is_readable":
            return _has_data(self._tls) or bool(self._poll.poll(0))  # bytes, or that the other side has closed it
        return None


def _has_data(tls: ssl.SSLObject | None) -> bool:
    """Whether TLS holds unread bytes, or the end of the stream. The byte that is read for this is lost."""
    if tls is None:
        return False
    try:
        tls.read(1)
    except ssl.SSLWantReadError:
        return False
    except ssl.SSLError:
        return True
    return True
