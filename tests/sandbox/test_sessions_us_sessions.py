"""Sessions, participants and artifacts of Sessions."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from airflow_provider_sessions.sandbox import Sandbox, SandboxClock

REQUEST = {
    "name": "Quarterly review",
    "startAt": "2026-03-02T16:00:00.000Z",
    "plannedEnd": "2026-03-02T17:00:00.000Z",
    "timeZone": "Europe/Berlin",
}
NOWHERE = "00000000-0000-4000-8000-000000000000"


async def ended(sandbox: Sandbox, sessions_us_api: httpx.AsyncClient, **draft: Any) -> str:
    """A session that has ended, with all artifacts ready."""
    session_id = sandbox.sessions_us.create(ended_at=sandbox.clock.now(), **draft)[0]
    sandbox.clock.advance(30)
    return session_id


# Invalid requests


@pytest.mark.parametrize(
    ("change", "messages"),
    [
        ({"name": None}, ["name: Input should be a valid string"]),
        ({"name": "  "}, ["name: String should have at least 1 character"]),
        ({"startAt": "tomorrow"}, ["startAt must be a valid ISO 8601 date string"]),
        ({"startAt": "2026-03-02T16:00:00"}, ["startAt must be a valid ISO 8601 date string"]),
        ({"timeZone": "Pacific Time (US & Canada)"}, ["timeZone must be a valid IANA time-zone"]),
        ({"timeZone": "Europe"}, ["timeZone must be a valid IANA time-zone"]),
        ({"plannedEnd": REQUEST["startAt"]}, ["plannedEnd must be after startAt"]),
    ],
)
async def test_an_invalid_body_is_rejected_with_all_errors(
    sessions_us_api: httpx.AsyncClient, change: dict[str, Any], messages: list[str]
) -> None:
    response = await sessions_us_api.post("/sessions", json=REQUEST | change)
    assert response.status_code == 400
    assert response.json() == {"statusCode": 400, "message": messages, "error": "Bad Request"}


async def test_all_four_fields_are_required_and_messages_can_be_text(
    sandbox: Sandbox, sessions_us_api: httpx.AsyncClient
) -> None:
    wrong = [f"{name} should not be empty" for name in REQUEST]
    assert (await sessions_us_api.post("/sessions", json={})).json()["message"] == wrong
    sandbox.sessions_us.settings.messages = "text"
    assert (await sessions_us_api.post("/sessions", json={})).json()["message"] == wrong[0]


async def test_fields_with_another_spelling_are_unknown(sandbox: Sandbox, sessions_us_api: httpx.AsyncClient) -> None:
    body = {name: value for name, value in REQUEST.items() if name != "timeZone"} | {"timezone": "UTC"}
    assert (await sessions_us_api.post("/sessions", json=body)).json()["message"] == ["timeZone should not be empty"]
    assert (await sessions_us_api.post("/sessions", json=REQUEST | {"colour": "blue"})).status_code == 201
    sandbox.sessions_us.settings.unknown_fields = "refuse"
    rejected = await sessions_us_api.post("/sessions", json=REQUEST | {"colour": "blue"})
    assert rejected.json()["message"] == ["property colour should not exist"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "message", "error"),
    [
        ("GET", f"/sessions/{NOWHERE}", b"", 404, "Session not found", "Not Found"),
        ("GET", "/sessions/17", b"", 400, "Validation failed (uuid is expected)", "Bad Request"),
        ("GET", "/sessions?page=two", b"", 400, ["page must be a number string"], "Bad Request"),
        ("POST", "/sessions", b"{not json", 400, "Invalid Request", "Bad Request"),
        ("PATCH", "/sessions", b"", 404, "Cannot PATCH /api/sessions", "Not Found"),
        ("GET", "/recordings", b"", 404, "Cannot GET /api/recordings", "Not Found"),
    ],
)
async def test_errors_have_the_fields_of_nest(
    sessions_us_api: httpx.AsyncClient, method: str, path: str, body: bytes, status: int, message: Any, error: str
) -> None:
    response = await sessions_us_api.request(method, path, content=body)
    assert response.status_code == status
    assert response.json() == {"statusCode": status, "message": message, "error": error}


# Lists


async def test_lists_have_pages_of_twenty_newest_first(sandbox: Sandbox, sessions_us_api: httpx.AsyncClient) -> None:
    created = []
    for _ in range(45):
        created += sandbox.sessions_us.create()
        sandbox.clock.advance(1)
    pages = [(await sessions_us_api.get("/sessions", params={"page": number})).json() for number in (1, 2, 3, 4)]
    assert [len(page) for page in pages] == [20, 20, 5, 0]
    assert [item["id"] for page in pages for item in page] == created[::-1]
    for same in ({}, {"page": 0}, {"page": 1, "per_page": 100}):
        assert (await sessions_us_api.get("/sessions", params=same)).json() == pages[0]
    sandbox.sessions_us.settings.newest_first = False
    assert (await sessions_us_api.get("/sessions")).json()[0]["id"] == created[0]


async def test_past_sessions_are_listed_by_creation(sandbox: Sandbox, sessions_us_api: httpx.AsyncClient) -> None:
    now = sandbox.clock.now()
    sandbox.sessions_us.create(count=10, ended_between=(now - timedelta(days=30), now))
    created = [item["createdAt"] for item in (await sessions_us_api.get("/sessions")).json()]
    assert created == sorted(created, reverse=True)
    assert len(set(created)) == 10


async def test_a_list_may_omit_the_actual_start(sandbox: Sandbox, sessions_us_api: httpx.AsyncClient) -> None:
    session_id = sandbox.sessions_us.create(started_at=sandbox.clock.now())[0]
    assert (await sessions_us_api.get("/sessions")).json()[0]["actualStart"] == "2026-03-02T15:00:00.000Z"
    settings = sandbox.sessions_us.settings
    settings.list_actual_start = settings.list_participants = False
    assert not {"actualStart", "participants"} & (await sessions_us_api.get("/sessions")).json()[0].keys()
    assert (await sessions_us_api.get(f"/sessions/{session_id}")).json()["actualStart"]


async def test_users_see_their_own_sessions_only(sandbox: Sandbox, sessions_us_api: httpx.AsyncClient) -> None:
    session_id = sandbox.sessions_us.create(by_colleague=True)[0]
    assert (await sessions_us_api.get("/sessions")).json() == []
    assert (await sessions_us_api.get(f"/sessions/{session_id}")).status_code == 404
    colleague = {"x-api-key": sandbox.sessions_us.colleague_api_key}
    assert (await sessions_us_api.get(f"/sessions/{session_id}", headers=colleague)).status_code == 200


# Updating and ending


async def test_a_session_is_updated_and_deleted(sandbox: Sandbox, sessions_us_api: httpx.AsyncClient) -> None:
    session = (await sessions_us_api.post("/sessions", json=REQUEST)).json()
    path = f"/sessions/{session['id']}"
    later = {"startAt": "2026-03-02T18:00:00.000Z"}
    assert (await sessions_us_api.put(path, json=later)).json()["message"] == ["plannedEnd must be after startAt"]
    later["plannedEnd"] = "2026-03-02T18:30:00.000Z"
    changed = (await sessions_us_api.put(path, json=later | {"name": "Review", "description": "Bring figures"})).json()
    assert changed == session | later | {"name": "Review", "description": "Bring figures"}
    sandbox.sessions_us.start(session["id"])
    assert (await sessions_us_api.put(path, json=later)).status_code == 409
    assert (await sessions_us_api.put(path, json={"name": "Live"})).json()["name"] == "Live"
    sandbox.sessions_us.settings.delete_answer = "object"
    assert (await sessions_us_api.delete(path)).json()["id"] == session["id"]
    assert (await sessions_us_api.get(path)).status_code == 404
    assert (await sessions_us_api.delete(path)).status_code == 404
    assert sandbox.sessions_us.session(session["id"])["deleted_at"]


async def test_two_times_show_the_state_and_a_restart_moves_the_end(
    sandbox: Sandbox, sessions_us_api: httpx.AsyncClient
) -> None:
    platform = sandbox.sessions_us
    platform.default_script(live_after=60, duration=600, artifacts_after={"transcript": 30, "takeaways": 3600})
    session_id = (await sessions_us_api.post("/sessions", json=REQUEST)).json()["id"]

    async def times() -> tuple[str | None, str | None]:
        item = (await sessions_us_api.get(f"/sessions/{session_id}")).json()
        return item["actualStart"], item["endedAt"]

    assert await times() == (None, None)
    sandbox.clock.advance(60)
    assert await times() == ("2026-03-02T15:01:00.000Z", None)
    sandbox.clock.advance(630)
    assert await times() == ("2026-03-02T15:01:00.000Z", "2026-03-02T15:11:00.000Z")
    first = (await sessions_us_api.get(f"/sessions/{session_id}/transcripts")).json()
    platform.start(session_id)
    assert await times() == ("2026-03-02T15:01:00.000Z", None)
    assert (await sessions_us_api.get(f"/sessions/{session_id}/transcripts")).json() == []
    sandbox.clock.advance(600)
    platform.end(session_id)
    assert await times() == ("2026-03-02T15:01:00.000Z", "2026-03-02T15:21:30.000Z")
    sandbox.clock.advance(30)
    assert len((await sessions_us_api.get(f"/sessions/{session_id}/transcripts")).json()) > len(first)


async def test_sessions_do_not_expire_and_cannot_be_canceled(
    sandbox: Sandbox, sessions_us_api: httpx.AsyncClient
) -> None:
    session_id = (await sessions_us_api.post("/sessions", json=REQUEST)).json()["id"]
    sandbox.clock.advance(30 * 86_400)
    assert sandbox.sessions_us.session(session_id)["state"] == "scheduled"
    with pytest.raises(ValueError, match="expire"):
        sandbox.sessions_us.expire(session_id)
    with pytest.raises(ValueError, match="delete it"):
        sandbox.sessions_us.cancel(session_id)


# People


async def test_participants_are_added_updated_and_removed(sandbox: Sandbox, sessions_us_api: httpx.AsyncClient) -> None:
    user = sandbox.sessions_us.population.people[40]
    path = f"/sessions/{(await sessions_us_api.post('/sessions', json=REQUEST)).json()['id']}/participants"
    wanted = [{"email": "bo@example.org", "firstName": "Bo", "lastName": "Ek"}, {"email": user.email.upper()}]
    guest, known = (await sessions_us_api.post(path, json={"participants": wanted})).json()
    assert (guest["user"], guest["guest"]["firstName"], guest["guest"]["lastName"]) == (None, "Bo", "Ek")
    assert (known["guest"], known["user"]["id"]) == (None, user.id)
    again = (await sessions_us_api.post(path, json={"participants": wanted[:1]})).json()
    assert again == [guest], "an existing participant is not added again"
    changed = await sessions_us_api.put(path, json={"participants": [{"id": guest["id"], "role": "Speaker"}]})
    assert changed.json() == [guest | {"role": "Speaker"}]
    owner = (await sessions_us_api.get(path)).json()[0]
    rejected = await sessions_us_api.request("DELETE", path, json={"participants": [guest["id"], owner["id"]]})
    assert rejected.json()["message"] == ["participants must not contain the owner"]
    assert len((await sessions_us_api.get(path)).json()) == 3
    assert (await sessions_us_api.request("DELETE", path, json={"participants": [guest["id"]]})).status_code == 200
    assert [person["id"] for person in (await sessions_us_api.get(path)).json()] == [owner["id"], known["id"]]
    assert (await sessions_us_api.request("DELETE", path, json={"participants": [guest["id"]]})).status_code == 404
    assert (await sessions_us_api.request("DELETE", path, json={"participants": []})).status_code == 400
    assert (await sessions_us_api.delete(path)).status_code == 400


async def test_people_join_while_it_is_live(sandbox: Sandbox, sessions_us_api: httpx.AsyncClient) -> None:
    sandbox.sessions_us.settings.walk_ins = 4
    session_id = (await sessions_us_api.post("/sessions", json=REQUEST)).json()["id"]

    async def people() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await sessions_us_api.get(f"/sessions/{session_id}/participants")).json()
        return found

    assert len(await people()) == 1
    sandbox.sessions_us.start(session_id)
    sandbox.clock.advance(1800)
    there = await people()
    assert len(there) == 5
    assert [person["guest"]["email"] for person in there if person["guest"]] == [None], "one without an account"
    gone = {"participants": [there[1]["id"]]}
    await sessions_us_api.request("DELETE", f"/sessions/{session_id}/participants", json=gone)
    sandbox.clock.advance(60)
    assert len(await people()) == 4, "a removed participant does not return"


# Transcripts and takeaways


@pytest.mark.parametrize("what", ["transcripts", "takeaways"])
async def test_the_response_for_missing_artifacts_is_a_setting(
    sandbox: Sandbox, sessions_us_api: httpx.AsyncClient, what: str
) -> None:
    session_id = sandbox.sessions_us.create(ended_at=sandbox.clock.now())[0]
    path = f"/sessions/{session_id}/{what}"
    empty = {"transcripts": [], "takeaways": {"takeawaysText": None, "takeawaysRaw": None}}[what]
    assert (await sessions_us_api.get(path)).json() == empty
    sandbox.sessions_us.settings.missing_materials = "nothing"
    response = await sessions_us_api.get(path)
    assert (response.status_code, response.content) == (200, b"")
    sandbox.sessions_us.settings.missing_materials = "404"
    assert (await sessions_us_api.get(path)).status_code == 404
    sandbox.clock.advance(30)
    assert (await sessions_us_api.get(path)).status_code == 200


async def test_several_people_speak_between_start_and_end(sandbox: Sandbox, sessions_us_api: httpx.AsyncClient) -> None:
    session_id = await ended(sandbox, sessions_us_api, duration=1800)
    session = (await sessions_us_api.get(f"/sessions/{session_id}")).json()
    entries = (await sessions_us_api.get(f"/sessions/{session_id}/transcripts")).json()
    people = {person["id"]: person for person in session["participants"]}
    said = [datetime.fromisoformat(entry["sourceTimestamp"]) for entry in entries]
    assert said == sorted(said)
    assert datetime.fromisoformat(session["actualStart"]) <= said[0]
    assert said[-1] <= datetime.fromisoformat(session["endedAt"])
    assert len(entries) == 100
    assert len({entry["participantId"] for entry in entries} & people.keys()) == 6
    assert people[entries[0]["participantId"]]["isOwner"], "the host opens"


@pytest.mark.parametrize(
    ("languages", "sources", "shown"),
    [
        ("en", {"en"}, {("en",)}),
        ("en+de", {"en"}, {("en", "de")}),
        ("mixed", {"en", "de"}, {("en", "de"), ("de", "en")}),
    ],
)
async def test_the_languages_of_a_transcript(
    sandbox: Sandbox, sessions_us_api: httpx.AsyncClient, languages: str, sources: set[str], shown: set[tuple[str, ...]]
) -> None:
    session_id = await ended(sandbox, sessions_us_api, languages=languages)
    entries = (await sessions_us_api.get(f"/sessions/{session_id}/transcripts")).json()
    assert {entry["sourceLanguage"] for entry in entries} == sources
    assert {tuple(words["language"] for words in entry["content"]) for entry in entries} == shown
    assert all(entry["content"][0]["language"] == entry["sourceLanguage"] for entry in entries)
    assert len({entry["content"][0]["text"] for entry in entries}) > 15


def test_half_of_all_sessions_have_translations(sandbox: Sandbox) -> None:
    sandbox.sessions_us.create(count=60, ended_at=sandbox.clock.now(), duration=120)
    transcripts = [row["content"]["transcript"] for row in sandbox.sessions_us.oracle()]
    translated = sum(len(entries[0]["content"]) == 2 for entries in transcripts)
    assert 15 < translated < 45


def test_equal_seeds_give_equal_transcripts() -> None:
    def described(seed: int) -> Any:
        sandbox = Sandbox(seed, clock=SandboxClock.stopped())
        sandbox.sessions_us.create(count=2, ended_at=sandbox.clock.now())
        return sandbox.sessions_us.oracle()

    assert described(5) == described(5)
    assert described(5) != described(6)


async def test_a_revision_changes_texts_but_not_their_number(
    sandbox: Sandbox, sessions_us_api: httpx.AsyncClient
) -> None:
    session_id = await ended(sandbox, sessions_us_api, script={"revisions": {"transcript": [3600]}})

    async def entries() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await sessions_us_api.get(f"/sessions/{session_id}/transcripts")).json()
        return found

    versions = [await entries()]
    sandbox.clock.advance(3600)
    versions.append(await entries())
    sandbox.sessions_us.revise(session_id, "transcript")
    versions.append(await entries())
    differences = [sum(a != b for a, b in zip(*pair, strict=True)) for pair in itertools.pairwise(versions)]
    assert differences == [1, 1]
    assert sandbox.sessions_us.session(session_id)["artifacts"]["transcript"]["revision"] == 2
    before = (await sessions_us_api.get(f"/sessions/{session_id}/takeaways")).json()
    sandbox.sessions_us.revise(session_id, "takeaways")
    after = (await sessions_us_api.get(f"/sessions/{session_id}/takeaways")).json()
    assert after["takeawaysText"].startswith(before["takeawaysText"])
    assert after["takeawaysRaw"] != before["takeawaysRaw"]


async def test_a_test_can_attach_artifacts(sandbox: Sandbox, sessions_us_api: httpx.AsyncClient) -> None:
    platform = sandbox.sessions_us
    session_id = platform.create(ended_at=sandbox.clock.now(), script={"artifacts_after": None})[0]
    sandbox.clock.advance(90)
    entry = {
        "content": [{"text": "Ja", "language": "de"}],
        "participantId": NOWHERE,
        "sourceTimestamp": "2026-03-02T14:59:00.000Z",
        "sourceLanguage": "de",
    }
    platform.attach_transcript(session_id, [entry])
    assert (await sessions_us_api.get(f"/sessions/{session_id}/transcripts")).json() == [entry]
    assert (await sessions_us_api.get(f"/sessions/{session_id}/takeaways")).json()["takeawaysText"] is None
    platform.attach_takeaways(session_id, "First line\n\nLast line")
    given = (await sessions_us_api.get(f"/sessions/{session_id}/takeaways")).json()
    assert given["takeawaysText"] == "First line\n\nLast line"
    assert [len(node["content"]) for node in given["takeawaysRaw"]["content"]] == [1, 0, 1]
    platform.revise(session_id, "transcript")
    revised = (await sessions_us_api.get(f"/sessions/{session_id}/transcripts")).json()
    assert revised[0]["content"][0]["text"] == "Also: Ja"


async def test_a_session_that_was_never_live_has_no_artifacts(
    sandbox: Sandbox, sessions_us_api: httpx.AsyncClient
) -> None:
    session_id = sandbox.sessions_us.create()[0]
    sandbox.sessions_us.end(session_id)
    sandbox.clock.advance(60)
    assert (await sessions_us_api.get(f"/sessions/{session_id}/transcripts")).json() == []
    (described,) = sandbox.sessions_us.oracle()
    assert (described["content"]["transcript"], described["content"]["takeaways"]) == ([], None)


async def test_the_oracle_equals_the_api(sandbox: Sandbox, sessions_us_api: httpx.AsyncClient) -> None:
    session_id = await ended(sandbox, sessions_us_api)
    (described,) = sandbox.oracle()["sessions_us"]
    for kind, path in (("transcript", "transcripts"), ("takeaways", "takeaways"), ("participants", "participants")):
        assert described["content"][kind] == (await sessions_us_api.get(f"/sessions/{session_id}/{path}")).json()
    sandbox.sessions_us.delete(session_id)
    (gone,) = sandbox.oracle()["sessions_us"]
    assert gone["deleted_at"]
    assert gone["content"] == described["content"]
