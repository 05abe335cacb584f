"""``NO_PROXY``, in all the forms that the tools around take."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from airflow_provider_sessions.errors import SessionsError
from tests.unit.client.servers import RawServer, reply
from tests.unit.client.things import connect, get_thing

NAME = "http://api.corp.example"


@pytest.fixture(autouse=True)
def _nothing_out_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is looked up or connected to but this machine: what goes directly fails."""
    real = socket.getaddrinfo

    def fake_getaddrinfo(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        if host == "127.0.0.1":
            return real(host, port, *args, **kwargs)
        raise socket.gaierror(socket.EAI_NONAME, "not in a test")

    monkeypatch.setattr(socket, "getaddrinfo", fake_getaddrinfo)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def goes_directly(monkeypatch: pytest.MonkeyPatch) -> Any:
    async def send(url: str, exceptions: str) -> bool:
        async with RawServer((reply(403),)) as proxy:
            monkeypatch.setenv("HTTP_PROXY", proxy.url)
            monkeypatch.setenv("HTTPS_PROXY", proxy.url)
            monkeypatch.setenv("NO_PROXY", exceptions)
            async with connect(url, attempts=1) as client:
                with pytest.raises(SessionsError, match=r"not in a test|403"):
                    await client.send(get_thing("t1"))
        return not proxy.requests

    return send


DIRECT = [
    ("*", NAME),
    ("other.example, *", NAME),
    ("corp.example", NAME),
    (".corp.example", NAME),
    ("*.corp.example", NAME),
    ("*.CORP.Example", NAME),
    ("*.example", NAME),
    ("api.*", NAME),
    ("API.corp.example", NAME),
    ("api.corp.example.", NAME),
    ("api.corp.example", f"{NAME}."),
    (" other.example ,\tapi.corp.example ", NAME),
    ("other.example api.corp.example", NAME),
    ("api.corp.example:80", NAME),
    ("api.corp.example:443", "https://api.corp.example"),
    ("api.corp.example:8443", "https://api.corp.example:8443"),
    (".corp.example:443", "https://api.corp.example"),
    ("*.corp.example:443", "https://api.corp.example"),
    ("*:80", NAME),
    ("corp.example", "http://corp.example"),
    (".corp.example", "http://corp.example"),
    ("10.0.0.0/8", "http://10.1.2.3"),
    ("10.1.2.3/8", "http://10.200.2.3"),
    ("10.1.2.3", "http://10.1.2.3"),
    ("10.1.2.3", "http://0x0a010203"),
    ("10.1.2.3:80", "http://10.1.2.3"),
    ("10.0.0.0/8:80", "http://10.1.2.3"),
    ("10.0.0.0/8", "http://[::ffff:10.1.2.3]"),
    ("fd00::/8", "http://[fd12::1]"),
    ("[fd00::]/8", "http://[fd12::1]"),
    ("fd12::1", "http://[fd12::1]"),
    ("[fd12::1]", "http://[fd12:0:0::1]:8080"),
    ("[fd12::1]:8080", "http://[fd12::1]:8080"),
    ("192.168.*", "http://192.168.1.1"),
    ("localhost,127.0.0.1,10.96.0.0/12,.svc,.cluster.local", "http://sessions.team.svc.cluster.local"),
]
BY_PROXY = [
    ("", NAME),
    (",, ,", NAME),
    (".", NAME),
    ("other.example", NAME),
    ("i.corp.example", NAME),
    ("pi.corp.example", NAME),
    ("example.com", NAME),
    ("*.corp.example", "http://corp.example"),
    ("*.corp.example", "http://api.corp.example.other"),
    ("api.corp.example:443", NAME),
    ("api.corp.example:80", "https://api.corp.example"),
    ("api.corp.example:8080", NAME),
    ("api.corp.example:abc", NAME),
    ("http://api.corp.example", NAME),
    ("10.0.0.0/8", "http://11.1.2.3"),
    ("10.0.0.0/8", "http://10.corp.example"),
    ("10.0.0.0/33", "http://10.1.2.3"),
    ("fd00::/8", "http://[fe12::1]"),
    ("[fd12::1]:8080", "http://[fd12::1]:80"),
    ("0.0.0.0/0", NAME),
    ("::/0", "http://10.1.2.3"),
]


@pytest.mark.parametrize(("exceptions", "url"), DIRECT)
async def test_a_matching_host_is_requested_without_the_proxy(goes_directly: Any, exceptions: str, url: str) -> None:
    assert await goes_directly(url, exceptions)


@pytest.mark.parametrize(("exceptions", "url"), BY_PROXY)
async def test_every_other_host_is_requested_through_the_proxy(goes_directly: Any, exceptions: str, url: str) -> None:
    assert not await goes_directly(url, exceptions)


async def test_the_connections_own_proxy_ignores_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    good = reply(200, b'{"data": {"id": "t1"}}')
    async with RawServer((good,)) as proxy, connect(NAME, proxy=proxy.url) as client:
        assert (await client.send(get_thing("t1"))).id == "t1"
