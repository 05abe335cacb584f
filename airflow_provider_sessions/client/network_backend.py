"""Sockets for httpcore: by whichever of a host's addresses answers first, and never to one that is not allowed."""

from __future__ import annotations

import asyncio
import select
import socket
import ssl
from typing import Any

import aiohappyeyeballs
import anyio
import httpcore
from anyio.abc import ByteStream, SocketAttribute, SocketStream
from anyio.streams.tls import TLSAttribute, TLSStream

from airflow_provider_sessions.client.addresses import AddressPolicy, resolve

_NEXT_ADDRESS = 0.25
"""Seconds until the next of a host's addresses is tried beside those before. Source: RFC 8305, section 5."""
_READ_BYTES = 1024 * 1024
"""Bytes read at once. httpcore asks for 64 KiB, which costs a download a fifth more CPU time."""


class NetworkBackend(httpcore.AnyIOBackend):
    """Opens sockets for httpcore, by whichever of a host's addresses answers first.

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

        :param timeout: seconds for finding the host and connecting to it.
        :raises RedirectRefusedError: one of its addresses must not be connected to.
        :raises httpcore.ConnectTimeout: none of its addresses answered in time.
        :raises httpcore.ConnectError: there is no such host, or it refuses.
        """
        try:
            async with asyncio.timeout(timeout):
                found = await resolve(host, port, self._policy)
                link = await aiohappyeyeballs.start_connection(found, happy_eyeballs_delay=_NEXT_ADDRESS, interleave=1)
                stream: Any = await SocketStream.from_socket(link)
                # anyio reads only while somebody waits for bytes, but a socket that it was given from the start: a file
                # that came faster than it was written was in memory as a whole.
                stream._transport.pause_reading()
                return _Stream(stream)
        except TimeoutError:
            raise httpcore.ConnectTimeout() from None
        except OSError as failure:
            raise httpcore.ConnectError(str(failure)) from failure


class _Stream(httpcore.AsyncNetworkStream):
    """The bytes of a connection.

    :param stream: a socket, or TLS over one.
    """

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        """The next bytes, as many as came together; none at the end."""
        try:
            async with asyncio.timeout(timeout):
                return await self._stream.receive(_READ_BYTES)
        except anyio.EndOfStream:
            return b""
        except TimeoutError:
            raise httpcore.ReadTimeout() from None
        except (anyio.BrokenResourceError, anyio.ClosedResourceError) as failure:
            raise httpcore.ReadError(str(failure.__cause__ or "")) from failure

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """Send bytes."""
        if not buffer:  # httpcore has none for the end of a request without a body
            return
        try:
            async with asyncio.timeout(timeout):
                await self._stream.send(buffer)
        except TimeoutError:
            raise httpcore.WriteTimeout() from None
        except (anyio.BrokenResourceError, anyio.ClosedResourceError) as failure:
            raise httpcore.WriteError(str(failure.__cause__ or "")) from failure

    async def aclose(self) -> None:
        """Close the connection."""
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> httpcore.AsyncNetworkStream:
        """Speak TLS from here on.

        :raises httpcore.ConnectError: whoever answers does not speak it, or is not trusted.
        """
        try:
            async with asyncio.timeout(timeout):
                return _Stream(
                    await TLSStream.wrap(
                        self._stream, hostname=server_hostname, ssl_context=ssl_context, standard_compatible=False
                    )
                )
        except BaseException as failure:
            await self.aclose()
            if isinstance(failure, TimeoutError):
                raise httpcore.ConnectTimeout() from None
            if isinstance(failure, ssl.SSLError | anyio.BrokenResourceError | anyio.EndOfStream):
                raise httpcore.ConnectError(str(failure)) from failure
            raise

    def get_extra_info(self, info: str) -> Any:
        """What httpcore asks: the TLS object, and whether anything has come that nobody has read."""
        tls: ssl.SSLObject | None = self._stream.extra(TLSAttribute.ssl_object, None)  # noqa: S610 - it is no query
        if info == "ssl_object":
            return tls
        if info == "is_readable":
            link: socket.socket = self._stream.extra(SocketAttribute.raw_socket)  # noqa: S610
            return _has_data(tls) or _is_readable(link)
        return None


def _has_data(tls: ssl.SSLObject | None) -> bool:
    """Whether TLS has taken bytes from the socket that nobody has read yet, or its end. Such a byte is lost."""
    if tls is None:
        return False
    try:
        tls.read(1)
    except ssl.SSLWantReadError:
        return False
    except ssl.SSLError:
        return True
    return True


def _is_readable(link: socket.socket) -> bool:
    """Whether a socket has something that nobody has read yet: bytes, or its end."""
    poll = select.poll()
    poll.register(link.fileno(), select.POLLIN)
    return bool(poll.poll(0))
