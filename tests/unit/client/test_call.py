"""Endpoints and the calls they return; addresses that follow from a connection."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_sessions.client.call import Call, Endpoints, call
from airflow_provider_sessions.client.config import ClientConfig
from airflow_provider_sessions.errors import ConnectionConfigError, InputError
from tests.unit.client.things import Thing, api, get_thing, make_thing, poke_thing


def test_an_endpoint_returns_a_value_and_keeps_signature_and_docstring() -> None:
    made = get_thing("t1", deep=True)
    assert (made.route.name, made.route.method, made.route.path) == ("get_thing", "GET", "/things/{thing_id}")
    assert made.arguments == {"thing_id": "t1"}
    assert made.query == {"fields": None, "deep": True}
    assert get_thing.__doc__ == "Get a thing."
    assert api.table["get_thing"].summary == "Get a thing."
    assert [route.name for route in api] == list(api.table)


def test_get_can_be_repeated_and_post_cannot() -> None:
    assert get_thing("t1").route.repeatable
    assert not make_thing("x").route.repeatable


def test_a_body_is_not_in_the_repr() -> None:
    assert "hush" not in repr(make_thing("hush"))


ELSEWHERE = [".", "..", "../a", "a/..", "a/../b", "a\\..\\b", "./a", "a\nb", "a\x00b", "\ud800"]


@pytest.mark.parametrize(
    "value", ["", " ", *ELSEWHERE, "None", None, True, 1.5, ["a"], b"a", pytest.param(10**5000, id="many digits")]
)
def test_an_argument_that_could_change_the_path_is_refused(value: Any) -> None:
    with pytest.raises(InputError, match=r"get_thing: thing_id=.* cannot be part of /things/\{thing_id\}"):
        get_thing(value)


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ("a b", "a%20b"),
        ("ä&ö", "%C3%A4%26%C3%B6"),
        ("%2e%2e", "%252e%252e"),
        ("a/b", "a%2Fb"),
        ("/a", "%2Fa"),
        ("a\\b", "a%5Cb"),
        ("a?b#c", "a%3Fb%23c"),
        ("..a", "..a"),
        ("a%2Fb", "a%252Fb"),
        (7, "7"),
    ],
)
def test_an_argument_is_percent_encoded(value: Any, path: str) -> None:
    assert ClientConfig("https://a.example/v1/").get_method_and_url(get_thing(value)) == (
        "GET",
        f"https://a.example/v1/things/{path}",
    )


def test_operators_make_calls_by_name() -> None:
    assert api.make_call("get_thing", {"thing_id": "t1"}) == get_thing("t1")
    with pytest.raises(InputError, match="testing has no endpoint 'get_thin'; it has get_thing, list_things"):
        api.make_call("get_thin", {})
    with pytest.raises(InputError, match=r"endpoint get_thing\(thing_id.*missing a required argument: 'thing_id'"):
        api.make_call("get_thing", {})
    with pytest.raises(InputError, match="unexpected keyword argument 'thing'"):
        api.make_call("get_thing", {"thing_id": "t1", "thing": "t1"})


def test_an_argument_of_the_wrong_type_is_an_input_error() -> None:
    strict = Endpoints("testing")

    @strict("POST", "/things", documented=True)
    def change_thing(fields: dict[str, Any]) -> Call[Thing]:
        """Change a thing."""
        return call(Thing, body=dict(fields))

    for wrong in ("text", 5, [1]):
        with pytest.raises(InputError, match=r"endpoint change_thing\(fields.*wrong type"):
            strict.make_call("change_thing", {"fields": wrong})
    assert change_thing({"a": 1}).body == {"a": 1}


def test_mistakes_in_a_table_fail_at_import() -> None:
    own = Endpoints("own")
    with pytest.raises(TypeError, match="thing_id"):

        @own("GET", "/things/{thing_id}", documented=True)
        def get_one() -> Call[Thing]:
            return call(Thing)

    @own("GET", "/things/{thing_id}", documented=True)
    def get_default(thing_id: str = "first") -> Call[Thing]:
        return call(Thing)

    assert get_default().arguments == {"thing_id": "first"}
    with pytest.raises(TypeError, match="two endpoints 'get_default'"):
        own("GET", "/other", documented=True)(get_default)


@pytest.mark.parametrize(
    ("override", "method", "path"),
    [
        ("/v2/thing/{thing_id}", "POST", "/v2/thing/t1"),
        (" put   /v2/{thing_id} ", "PUT", "/v2/t1"),
        ("/{thing_id}/x/{thing_id}", "POST", "/t1/x/t1"),
    ],
)
def test_a_connection_can_override_a_path(override: str, method: str, path: str) -> None:
    config = ClientConfig("https://a.example", paths={"poke_thing": override})
    assert config.get_method_and_url(poke_thing("t1")) == (method, f"https://a.example{path}")


@pytest.mark.parametrize(
    "override",
    [
        "",
        "poke",
        "/poke",
        "/poke/{id}",
        "/poke/{thing_id}/{more}",
        "/poke/{thing_id",
        "/poke/{thing_id}{",
        "POST",
        "/poke/{thing_id!r}",
        "/poke/{thing_id:>9999999}",
        "/poke/{thing_id.x}",
        "BREW /poke/{thing_id}",
        "/poke/{thing_id}?a=b",
        "/poke/{thing_id}#x",
        "/poke /{thing_id}",
        "https://evil.example/{thing_id}",
    ],
)
def test_an_invalid_override_is_refused(override: str) -> None:
    config = ClientConfig("https://a.example", paths={"poke_thing": override})
    with pytest.raises(ConnectionConfigError, match=r"paths: invalid value poke_thing="):
        config.get_method_and_url(poke_thing("t1"))


def test_an_override_with_post_makes_a_call_unrepeatable() -> None:
    route = get_thing("t1").route
    for override, repeatable in (("/x/{thing_id}", True), ("PUT /x/{thing_id}", True), ("POST /x/{thing_id}", False)):
        assert ClientConfig("https://a.example", paths={"get_thing": override}).is_repeatable(route) is repeatable


def test_scope_and_other_base_urls() -> None:
    own = Endpoints("own")

    @own("GET", "/rooms", documented=True, scoped=True)
    def rooms() -> Call[Thing]:
        return call(Thing)

    @own("GET", "/videos", documented=True, base="video")
    def videos() -> Call[Thing]:
        return call(Thing)

    config = ClientConfig("https://a.example/v1", scope="/libraries/l1", bases={"video": "https://b.example/"})
    assert config.get_method_and_url(rooms())[1] == "https://a.example/v1/libraries/l1/rooms"
    assert config.get_method_and_url(videos())[1] == "https://b.example/videos"
    assert ClientConfig("https://a.example").get_method_and_url(rooms())[1] == "https://a.example/rooms"
    with pytest.raises(ConnectionConfigError, match="videos needs the connection's base URL for 'video'"):
        ClientConfig("https://a.example").get_method_and_url(videos())
