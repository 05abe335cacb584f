"""Proxies and certificates."""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from airflow_provider_sessions.client.addresses import is_loopback
from airflow_provider_sessions.client.config import ClientConfig
from airflow_provider_sessions.client.transport import get_default_ssl_context, open_transport
from airflow_provider_sessions.errors import ConnectError, ConnectionConfigError
from tests.unit.client.servers import RawServer, Received, reply, says
from tests.unit.client.things import SECRET, connect, get_thing

GOOD = says({"data": {"id": "t1"}})
FAR = "http://api.far.example"


@pytest.fixture(autouse=True)
def _no_proxies_of_the_developer(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


async def test_the_connections_proxy_is_used() -> None:
    async with RawServer((GOOD,)) as proxy, connect(FAR, proxy=proxy.url) as client:
        await client.send(get_thing("t1"))
    assert proxy.requests[0].target == f"{FAR}/things/t1"


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
async def test_the_environments_proxy_is_used(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    async with RawServer((GOOD,)) as proxy:
        monkeypatch.setenv(name, proxy.url.removeprefix("http://") if name == "ALL_PROXY" else proxy.url)
        async with connect(FAR) as client:
            await client.send(get_thing("t1"))
    assert proxy.requests[0].target == f"{FAR}/things/t1"


async def test_an_https_platform_is_requested_through_a_tunnel(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with RawServer((reply(403),)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        async with connect("https://api.far.example", attempts=1) as client:
            with pytest.raises(ConnectError, match="no connection: 403"):
                await client.send(get_thing("t1"))
    assert (proxy.requests[0].method, proxy.requests[0].target) == ("CONNECT", "api.far.example:443")
    assert SECRET not in str(proxy.requests[0].headers)


@pytest.mark.parametrize("spared", ["*", "far.example", ".far.example", "other.example,api.far.example"])
async def test_hosts_in_no_proxy_are_connected_to_directly(monkeypatch: pytest.MonkeyPatch, spared: str) -> None:
    async with RawServer((GOOD,)) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", spared)
        async with connect(FAR, attempts=1, timeout=1) as client:
            with pytest.raises(ConnectError):
                await client.send(get_thing("t1"))
    assert proxy.requests == []


async def test_the_environments_proxy_is_not_used_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.far.example:3128")
    async with RawServer((GOOD,)) as server, connect(server.url) as client:
        assert (await client.send(get_thing("t1"))).id == "t1"


async def test_connections_through_a_proxy_are_reused_for_the_same_host_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ports = []

    async def noting(request: Received, writer: asyncio.StreamWriter) -> bool:
        ports.append((request.target, writer.get_extra_info("peername")[1]))
        return await reply(body=b"done")(request, writer)

    async with RawServer((noting,)) as proxy, RawServer((noting,)) as server:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        async with httpx.AsyncClient(transport=open_transport(ClientConfig(server.url))) as client:
            for url in (f"{FAR}/", f"{server.url}/", "http://other.example/", f"{FAR}/"):
                await client.get(url)
    assert [target for target, _ in ports] == [f"{FAR}/", "/", "http://other.example/", f"{FAR}/"]
    assert len({port for _, port in ports}) == 3
    assert ports[0] == ports[3]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost", "x.localhost"])
def test_this_machine(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["10.0.0.1", "api.example", "localhost.example"])
def test_another_machine(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize("proxy", ["ftp://ada:hush@proxy.example", "http://ada:hush@[::1", "socks9://ada:hush@x"])
def test_an_invalid_proxy_is_named_without_its_password(proxy: str) -> None:
    with pytest.raises(ConnectionConfigError, match=r"proxy: invalid value .*; use a form such as") as caught:
        open_transport(ClientConfig("https://x.example", proxy=proxy))
    assert "hush" not in str(caught.value)
    assert "hush" not in repr(ClientConfig("https://x.example", proxy=proxy))


@pytest.mark.parametrize("content", [None, "", "no certificate"])
def test_an_unreadable_ca_bundle_is_named(tmp_path: Path, content: str | None) -> None:
    bundle = tmp_path / "ca.pem"
    if content is not None:
        bundle.write_text(content)
    with pytest.raises(ConnectionConfigError, match=r"ca_bundle: '.*ca\.pem' cannot be read"):
        open_transport(ClientConfig("https://x.example", ca_bundle=str(bundle)))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of this machine, signed by nobody else, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "platform")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    pem, nothing = serialization.Encoding.PEM, serialization.NoEncryption()
    written = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, nothing)
    path.write_bytes(made.public_bytes(pem) + written)
    return path


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


async def test_a_certificate_in_the_ca_bundle_is_trusted(certificate: Path, tls: ssl.SSLContext) -> None:
    async with RawServer((GOOD,), tls=tls) as server, connect(server.url, ca_bundle=str(certificate)) as client:
        assert (await client.send(get_thing("t1"))).id == "t1"
        assert (await client.send(get_thing("t1"))).id == "t1"


async def test_a_certificate_of_the_machine_is_trusted(
    certificate: Path, tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    get_default_ssl_context.cache_clear()
    try:
        async with RawServer((GOOD,), tls=tls) as server, connect(server.url) as client:
            assert (await client.send(get_thing("t1"))).id == "t1"
    finally:
        get_default_ssl_context.cache_clear()


@pytest.mark.parametrize("redirected", [False, True])
async def test_an_unknown_certificate_is_not_trusted(tls: ssl.SSLContext, redirected: bool) -> None:
    async with RawServer((GOOD,), tls=tls) as stranger:
        away = reply(302, Location=f"{stranger.url}/things/t1")
        async with (
            RawServer((away,)) as plain,
            connect(plain.url if redirected else stranger.url, attempts=1) as client,
        ):
            with pytest.raises(ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                await client.send(get_thing("t1"))
    assert stranger.requests == []


async def test_bytes_after_a_response_by_tls_are_not_taken_for_the_next(certificate: Path, tls: ssl.SSLContext) -> None:
    async def twice(request: Received, writer: asyncio.StreamWriter) -> bool:
        for thing in ("t1", "stray"):
            await says({"data": {"id": thing}})(request, writer)
        return True

    async with RawServer((twice, GOOD), tls=tls) as server, connect(server.url, ca_bundle=str(certificate)) as client:
        for _ in range(3):
            assert (await client.send(get_thing("t1"))).id == "t1"
