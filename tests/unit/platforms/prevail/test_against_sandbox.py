"""The adapter against the sandbox: results in the model, and the requests that they take."""

from __future__ import annotations

import gc
import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import httpx
import pytest

from airflow_provider_sessions.client.download import Download
from airflow_provider_sessions.clock import VirtualClock
from airflow_provider_sessions.errors import (
    AuthenticationError,
    BrokenConnectionError,
    ConflictError,
    InputError,
    NotFoundError,
    PermissionDeniedError,
    RejectedError,
    ServerError,
    SessionsError,
    UnsupportedError,
)
from airflow_provider_sessions.export.media import download_recordings
from airflow_provider_sessions.export.store import LocalStore
from airflow_provider_sessions.model import (
    Artifact,
    Presence,
    Recording,
    RecordingStatus,
    Session,
    SessionChanges,
    SessionDraft,
    SessionQuery,
    SessionState,
    Window,
    WindowBy,
)
from airflow_provider_sessions.platforms.account import Account
from airflow_provider_sessions.platforms.adapter import Feature, Support
from airflow_provider_sessions.platforms.prevail import zones
from airflow_provider_sessions.platforms.prevail.adapter import PrevailAdapter
from airflow_provider_sessions.platforms.prevail.models import RequestRecord
from airflow_provider_sessions.platforms.prevail.slugs import make_slug
from airflow_provider_sessions.platforms.registry import adapter_class
from airflow_provider_sessions.sandbox import Sandbox, SandboxServer
from airflow_provider_sessions.sandbox.prevail import rails
from airflow_provider_sessions.sandbox.prevail.rails import FRIENDLY, parse_start
from tests.unit.platforms.existing_sessions import ours

Open = Callable[..., PrevailAdapter]
Draft = Callable[..., SessionDraft]
NOW = datetime(2026, 3, 2, 15, tzinfo=UTC)
DEPONENT = {"name": "Malachite Yarrow", "email": "malachite@example.com", "role": "deponent"}
REQUEST = {"flow": "request"}
LISTS = ["list_session_requests", "list_sessions"]


def take_routes(sandbox: Sandbox) -> list[str | None]:
    """Return the operations requested since the last call, in order, and clear the log."""
    routes = [entry.route for entry in sandbox.log.entries()]
    sandbox.log.clear()
    return routes


def get_polled(polled: dict[str, Session | SessionsError], session_id: str) -> Session:
    """The polled session."""
    session = polled[session_id]
    assert isinstance(session, Session), session
    return session


async def listed(adapter: PrevailAdapter, **query: Any) -> list[Session]:
    return [session async for session in adapter.sessions(SessionQuery(**query))]


def hour(before: float, after: float) -> Window:
    """A window around now, in hours."""
    return Window(start=NOW - timedelta(hours=before), end=NOW + timedelta(hours=after))


def test_the_adapter_is_registered() -> None:
    assert adapter_class("prevail") is PrevailAdapter


def test_every_feature_has_its_capability() -> None:
    assert set(PrevailAdapter.capabilities) == set(Feature)
    for feature, capability in PrevailAdapter.capabilities.items():
        own = getattr(PrevailAdapter, feature.value) is not getattr(PrevailAdapter.__mro__[1], feature.value)
        assert own is (capability.support is not Support.NO)
        assert capability.note or capability.support is Support.YES


@pytest.mark.parametrize("feature", [Feature.START, Feature.END, Feature.ATTENDANCE, Feature.TAKEAWAYS])
async def test_what_prevail_cannot_do_says_what_to_use_instead(
    adapter: PrevailAdapter, sandbox: Sandbox, feature: Feature
) -> None:
    with pytest.raises(UnsupportedError, match=r"SessionStateSensor|dataset"):
        await getattr(adapter, feature.value)("smith-v-jones")
    assert sandbox.log.count() == 0


async def test_check_returns_host_and_count_in_one_request(adapter: PrevailAdapter, sandbox: Sandbox) -> None:
    sandbox.prevail.create(count=3)
    assert await adapter.check() == "Prevail at sandbox.test responded: 3 sessions in the next 24 hours"
    assert take_routes(sandbox) == ["list_sessions"]


# Credentials


@pytest.mark.parametrize(
    "wrong", [{"password": "another key, but long enough to sign with"}, {"login": "somebody-else"}]
)
async def test_a_wrong_key_or_company_id_is_explained(open_adapter: Open, wrong: dict[str, str]) -> None:
    with pytest.raises(AuthenticationError, match=r"not valid.*login holds the Company ID") as refused:
        await open_adapter(**wrong).check()
    assert "another key" not in str(refused.value)


async def test_tokens_are_fresh_however_long_the_adapter_lives(
    adapter: PrevailAdapter, sandbox: Sandbox, clock: VirtualClock
) -> None:
    for _ in range(5):
        await adapter.check()
        clock.jump(200)
    assert sandbox.log.count(status=401) == 0


async def test_a_token_that_the_platform_thinks_expired_is_renewed_once(
    adapter: PrevailAdapter, sandbox: Sandbox
) -> None:
    await adapter.check()
    sandbox.faults.add("status", status=401)
    await adapter.check()
    assert [entry.status for entry in sandbox.log.entries()] == [200, 401, 200]


# Create and find


async def test_create_returns_the_session_and_the_same_as_get(
    adapter: PrevailAdapter, sandbox: Sandbox, draft: Draft
) -> None:
    made = await adapter.create(draft(options={"deponent": DEPONENT}))
    assert take_routes(sandbox) == ["create_session"]
    assert (made.platform, made.session_id, made.state) == ("prevail", "smith-v-jones", SessionState.SCHEDULED)
    assert made.scheduled_start == datetime(2026, 3, 2, 16, tzinfo=UTC)
    assert (made.scheduled_end, made.time_zone) == (datetime(2026, 3, 2, 17, tzinfo=UTC), "America/New_York")
    assert (made.case, made.state_inferred) == ("7", False)
    assert await adapter.get("smith-v-jones") == made


async def test_a_zoom_meetings_secrets_stay_out_of_the_session(
    adapter: PrevailAdapter, sandbox: Sandbox, draft: Draft
) -> None:
    made = await adapter.create(draft(options={"video_provider": "zoom_meeting"}))
    held = sandbox.prevail.find("smith-v-jones")
    assert made.join_url == "http://sandbox.test/prevail/sessions/smith-v-jones/zoom_meeting"
    shown = made.model_dump_json() + repr(made)
    assert held
    assert held.password not in shown
    assert held.pwd not in shown


@pytest.mark.parametrize("word", ["scheduled", "ready"])
async def test_both_words_for_scheduled_are_understood(
    adapter: PrevailAdapter, sandbox: Sandbox, draft: Draft, word: Any
) -> None:
    sandbox.prevail.settings.state_after_create = word
    assert (await adapter.create(draft())).state is SessionState.SCHEDULED
    assert (await adapter.get("smith-v-jones")).state is SessionState.SCHEDULED


async def test_without_self_service_the_error_names_the_other_flow(
    adapter: PrevailAdapter, sandbox: Sandbox, draft: Draft
) -> None:
    sandbox.prevail.allow_self_service(False)
    with pytest.raises(PermissionDeniedError, match=r"Self-Service is not enabled.*'flow': 'request'"):
        await adapter.create(draft())


@pytest.mark.parametrize(("status", "error"), [(409, ConflictError), (422, RejectedError)])
@pytest.mark.parametrize("key", ["errors", "error", "message", "messages"])
async def test_a_slug_that_is_taken_is_an_error_in_prevails_words(
    adapter: PrevailAdapter, sandbox: Sandbox, draft: Draft, status: Any, error: type[Exception], key: Any
) -> None:
    sandbox.prevail.settings.conflict_status, sandbox.prevail.settings.error_key = status, key
    await adapter.create(draft())
    with pytest.raises(error, match="smith-v-jones has already been taken"):
        await adapter.create(draft())


async def test_a_keyed_create_whose_response_is_lost_is_found(
    adapter: PrevailAdapter, sandbox: Sandbox, draft: Draft
) -> None:
    sandbox.faults.add("status", status=502, carried_out=True, route="create_session")
    with pytest.raises(ServerError):
        await adapter.create(draft(key="a1b2"))
    assert sandbox.log.count(route="create_session") == 1
    (found,) = await ours(adapter, draft(key="a1b2"))
    assert found.title == "Smith v. Jones"
    assert found.session_id.startswith("smith-v-jones-"), "the slug that we chose"


@pytest.mark.parametrize("title", ["Déposition de Zoë", "  Smith,  Jones & Sons ", "Straße_1"])
async def test_find_existing_makes_the_slug_of_a_title_as_prevail_does(
    adapter: PrevailAdapter, draft: Draft, title: str
) -> None:
    made = await adapter.create(draft(title))
    assert [found.session_id for found in await ours(adapter, draft(title))] == [made.session_id]
    assert make_slug(title) == rails.slug_of(title)


async def test_find_takes_neither_another_slug_nor_a_canceled_session(
    adapter: PrevailAdapter, sandbox: Sandbox, draft: Draft
) -> None:
    made = await adapter.create(draft(key="one"))
    assert await ours(adapter, draft(key="two")) == []
    sandbox.prevail.cancel(made.session_id)
    assert await ours(adapter, draft(key="one")) == []


@pytest.mark.parametrize("newest_first", [True, False])
async def test_a_session_scheduled_again_under_its_old_slug_is_the_one_that_counts(
    adapter: PrevailAdapter, sandbox: Sandbox, draft: Draft, newest_first: bool
) -> None:
    sandbox.prevail.settings.newest_first = newest_first
    await adapter.create(draft())
    await adapter.cancel("smith-v-jones")
    made = await adapter.create(draft(start="2026-03-20T11:00"))
    assert (await adapter.get("smith-v-jones")).scheduled_start == made.scheduled_start
    assert [found.scheduled_start for found in await ours(adapter, draft())] == [made.scheduled_start]
    polled = await adapter.poll_sessions({"smith-v-jones": made})
    assert get_polled(polled, "smith-v-jones").state is SessionState.SCHEDULED
    window = hour(0, 24 * 30)
    by_start = await listed(adapter, window=window, by=WindowBy.SCHEDULED_START)
    assert [session.state for session in by_start] == [SessionState.SCHEDULED]


async def test_people_are_sent_as_given_and_a_host_listed_twice_is_emailed(
    adapter: PrevailAdapter, sandbox: Sandbox, draft: Draft
) -> None:
    member = sandbox.prevail.member_email
    people = [{"email": member, "role": "host"}, member, "guest@example.com"]
    await adapter.create(draft(participants=people))
    assert [email["to"] for email in sandbox.prevail.emails()] == [member, "guest@example.com"]


async def test_what_prevail_refuses_is_reported_field_by_field(adapter: PrevailAdapter, draft: Draft) -> None:
    with pytest.raises(RejectedError, match=r"deponent\.email"):
        await adapter.create(draft(options={"deponent": {"name": "A", "email": "nobody"}}))


@pytest.mark.parametrize("seconds", [900, 4500, 5400, 12600])
async def test_durations_come_back_as_they_went(adapter: PrevailAdapter, draft: Draft, seconds: float) -> None:
    made = await adapter.create(draft(duration=seconds))
    assert made.duration_seconds == seconds


# The request flow


async def test_a_request_keeps_its_id_while_staff_schedule_it(
    adapter: PrevailAdapter, sandbox: Sandbox, draft: Draft
) -> None:
    made = await adapter.create(draft(options=REQUEST, key="k"))
    assert (made.state, made.url, made.join_url) == (SessionState.REQUESTED, None, None)
    assert (await adapter.get(made.session_id)).state is SessionState.REQUESTED
    slug = sandbox.prevail.approve(made.session_id)
    scheduled = get_polled(await adapter.poll_sessions({made.session_id: made}), made.session_id)
    assert (scheduled.state, scheduled.session_id) == (SessionState.SCHEDULED, slug)
    assert scheduled.url == f"http://sandbox.test/prevail/sessions/{slug}"


async def test_polling_many_requests_and_sessions_costs_two_lists(adapter: PrevailAdapter, sandbox: Sandbox) -> None:
    ids = sandbox.prevail.create(count=50) + sandbox.prevail.create(count=50, requested=True)
    known = dict.fromkeys(ids)
    first = await adapter.poll_sessions(known)
    take_routes(sandbox)
    again = await adapter.poll_sessions({session_id: get_polled(first, session_id) for session_id in ids})
    assert sorted(str(route) for route in take_routes(sandbox)) == sorted(LISTS)
    assert [get_polled(again, session_id).state for session_id in ids] == (
        [SessionState.SCHEDULED] * 50 + [SessionState.REQUESTED] * 50
    )


async def test_a_declined_request_is_canceled(adapter: PrevailAdapter, sandbox: Sandbox, draft: Draft) -> None:
    made = await adapter.create(draft(options=REQUEST))
    sandbox.prevail.decline(made.session_id)
    assert (await adapter.get(made.session_id)).state is SessionState.CANCELED
    assert await ours(adapter, draft(options=REQUEST)) == []


@pytest.mark.parametrize("slug", [None, "Room Seven"])
async def test_a_request_is_found_before_and_after_staff_schedule_it_under_whatever_slug(
    adapter: PrevailAdapter, sandbox: Sandbox, draft: Draft, slug: str | None
) -> None:
    wanted = draft(options=REQUEST, key="k")
    made = await adapter.create(wanted)
    assert [found.session_id for found in await ours(adapter, wanted)] == [made.session_id]
    scheduled = sandbox.prevail.approve(made.session_id, slug)
    assert [found.session_id for found in await ours(adapter, wanted)] == [scheduled]
    assert await ours(adapter, draft("Another title", options=REQUEST)) == []
    assert await ours(adapter, draft(options={**REQUEST, "case": "8"})) == []


async def test_another_keyed_session_of_the_same_plan_is_not_mistaken_for_ours(
    adapter: PrevailAdapter, draft: Draft
) -> None:
    await adapter.create(draft(key="0123456789-abcdef"))
    assert await ours(adapter, draft(options=REQUEST, key="9876543210-abcdef")) == []


async def test_a_request_that_waits_can_be_neither_canceled_nor_changed(
    adapter: PrevailAdapter, sandbox: Sandbox, draft: Draft
) -> None:
    made = await adapter.create(draft(options=REQUEST))
    for call in (
        adapter.cancel(made.session_id),
        adapter.update(made.session_id, SessionChanges.read(title="New")),
        adapter.transcripts(made),
        adapter.recordings(made),
    ):
        with pytest.raises(ConflictError, match=r"not scheduled"):
            await call
    assert {entry.method for entry in sandbox.log.entries()} == {"POST", "GET"}


async def test_an_unknown_id_of_either_kind_is_not_found(adapter: PrevailAdapter) -> None:
    for session_id in ("nowhere", "request:1"):
        with pytest.raises(NotFoundError, match=session_id):
            await adapter.get(session_id)
    polled = await adapter.poll_sessions({"nowhere": None, "request:1": None})
    assert {type(result) for result in polled.values()} == {NotFoundError}


# Polling, and how it is inferred that a session has ended


async def test_polling_a_hundred_sessions_costs_one_request(
    adapter: PrevailAdapter, sandbox: Sandbox, clock: VirtualClock
) -> None:
    sandbox.prevail.settings.newest_first = False
    sandbox.prevail.create(count=300, ended_between=(NOW - timedelta(days=300), NOW - timedelta(days=30)))
    ids = sandbox.prevail.create(count=100, script={"live_after": 60, "duration": 600})
    first = await adapter.poll_sessions(dict.fromkeys(ids))
    known = {session_id: get_polled(first, session_id) for session_id in ids}
    clock.jump(90)
    take_routes(sandbox)
    polled = await adapter.poll_sessions(known)
    assert take_routes(sandbox) == ["list_sessions"]
    assert {get_polled(polled, session_id).state for session_id in ids} == {SessionState.LIVE}


async def test_a_session_of_these_weeks_is_got_by_a_page_of_each_list_whatever_the_history(
    adapter: PrevailAdapter, sandbox: Sandbox
) -> None:
    sandbox.prevail.create(count=300, ended_between=(NOW - timedelta(days=300), NOW - timedelta(days=30)))
    (late,) = sandbox.prevail.create("Late", scheduled_start=NOW + timedelta(days=300))
    (soon,) = sandbox.prevail.create("Soon", scheduled_start=NOW + timedelta(days=3))
    assert (await adapter.get(soon)).title == "Soon"
    assert sorted(str(route) for route in take_routes(sandbox)) == LISTS
    sandbox.prevail.settings.newest_first = False
    assert (await adapter.get(late)).title == "Late"
    assert len(take_routes(sandbox)) > 2
    await adapter.poll_sessions({late: None})
    assert take_routes(sandbox) == ["list_sessions"], "its day and its request are known by now"


async def test_a_session_moved_to_another_month_is_found_there(
    adapter: PrevailAdapter, sandbox: Sandbox, draft: Draft
) -> None:
    made = await adapter.create(draft())
    moved = SessionChanges.read(start="2026-07-01T09:00", time_zone="Europe/Berlin")
    await adapter.update("smith-v-jones", moved)
    polled = await adapter.poll_sessions({"smith-v-jones": made})
    assert get_polled(polled, "smith-v-jones").scheduled_start == datetime(2026, 7, 1, 7, tzinfo=UTC)


async def test_recordings_say_that_a_session_has_ended_though_it_is_called_active(
    adapter: PrevailAdapter, sandbox: Sandbox, clock: VirtualClock, draft: Draft
) -> None:
    sandbox.prevail.default_script(
        live_after=3_600, duration=600, artifacts_after={"recording": 60, "transcript": None}
    )
    made = await adapter.create(draft())
    clock.jump(3_601)
    live = await adapter.get(made.session_id)
    assert (live.state, live.state_inferred) == (SessionState.LIVE, False)
    clock.jump(660)
    assert get_polled(await adapter.poll_sessions({made.session_id: live}), made.session_id).state is SessionState.LIVE
    ended = get_polled(await adapter.poll_sessions({made.session_id: None}), made.session_id)
    assert (ended.state, ended.state_inferred) == (SessionState.ENDED, True)


@pytest.mark.parametrize("word", ["ready", "Complete", "delivered"])
async def test_a_finished_transcript_says_so_in_the_list_already(
    adapter: PrevailAdapter, sandbox: Sandbox, word: str
) -> None:
    sandbox.prevail.settings.transcript_status = (None, "processing", word)
    (slug,) = sandbox.prevail.create(started_at=NOW - timedelta(hours=1))
    live = await adapter.get(slug)
    sandbox.prevail.script(slug, artifacts_after={"transcript": 0, "recording": None})
    sandbox.prevail.end(slug)
    take_routes(sandbox)
    ended = get_polled(await adapter.poll_sessions({slug: live}), slug)
    assert (ended.state, ended.state_inferred) == (SessionState.ENDED, True)
    assert take_routes(sandbox) == ["list_sessions"]


@pytest.mark.parametrize("after_end", ["ready", "gone"])
@pytest.mark.parametrize("closely", [True, False])
async def test_one_that_was_live_and_is_so_no_more_has_ended(
    adapter: PrevailAdapter, sandbox: Sandbox, after_end: Any, closely: bool
) -> None:
    sandbox.prevail.settings.after_end = after_end
    (slug,) = sandbox.prevail.create(started_at=NOW, script={"artifacts_after": None})
    live = get_polled(await adapter.poll_sessions({slug: None}), slug)
    assert live.state is SessionState.LIVE
    sandbox.prevail.end(slug)
    ended = get_polled(await adapter.poll_sessions({slug: None if closely else live}), slug)
    assert (ended.state, ended.state_inferred) == (SessionState.ENDED, True)


@pytest.mark.parametrize("after_end", ["ready", "gone"])
async def test_without_an_earlier_poll_recordings_or_the_planned_end_decide(
    adapter: PrevailAdapter, sandbox: Sandbox, clock: VirtualClock, after_end: Any
) -> None:
    sandbox.prevail.settings.after_end = after_end
    script = {"artifacts_after": {"recording": 60, "transcript": None}}
    (recorded,) = sandbox.prevail.create("Recorded", scheduled_start=NOW, started_at=NOW, script=script)
    (silent,) = sandbox.prevail.create("Silent", started_at=NOW, script={"artifacts_after": None})
    clock.jump(60)
    sandbox.prevail.end(recorded)
    sandbox.prevail.end(silent)
    clock.jump(60)
    assert (await adapter.get(recorded)).state is SessionState.ENDED
    assert (await adapter.get(silent)).state is SessionState.SCHEDULED or after_end == "gone"
    clock.jump(2.25 * 3600)
    assert (await adapter.get(silent)).state is SessionState.ENDED


async def test_one_that_was_never_started_has_ended_after_its_planned_end_and_the_grace(
    open_adapter: Open, clock: VirtualClock, draft: Draft
) -> None:
    adapter = open_adapter(extra={"end_grace": 600})
    await adapter.create(draft())
    clock.jump(7200 + 599)
    assert (await adapter.get("smith-v-jones")).state is SessionState.SCHEDULED
    clock.jump(1)
    ended = await adapter.get("smith-v-jones")
    assert (ended.state, ended.state_inferred) == (SessionState.ENDED, True)


@pytest.mark.parametrize("lists_canceled", [True, False])
async def test_a_canceled_session_is_polled_as_canceled_whether_lists_show_it_or_not(
    adapter: PrevailAdapter, sandbox: Sandbox, draft: Draft, lists_canceled: bool
) -> None:
    sandbox.prevail.settings.list_canceled = lists_canceled
    made = await adapter.create(draft())
    sandbox.prevail.cancel("smith-v-jones")
    polled = await adapter.poll_sessions({"smith-v-jones": made})
    assert get_polled(polled, "smith-v-jones").state is SessionState.CANCELED
    assert (await adapter.get("smith-v-jones")).state is SessionState.CANCELED


async def test_a_deleted_session_is_not_found(adapter: PrevailAdapter, sandbox: Sandbox, draft: Draft) -> None:
    made = await adapter.create(draft())
    sandbox.prevail.delete("smith-v-jones")
    polled = await adapter.poll_sessions({"smith-v-jones": made})
    assert isinstance(polled["smith-v-jones"], NotFoundError)


# Changes


async def test_an_update_sends_only_what_changes_and_times_together(
    adapter: PrevailAdapter, sandbox: Sandbox, draft: Draft
) -> None:
    await adapter.create(draft())
    take_routes(sandbox)
    renamed = await adapter.update("smith-v-jones", SessionChanges.read(title="Jones v. Smith", duration=7200))
    assert (renamed.title, renamed.duration_seconds) == ("Jones v. Smith", 7200)
    assert sandbox.log.entries()[-1].body == {"remote_session": {"title": "Jones v. Smith", "estimated_duration": 2.0}}
    assert take_routes(sandbox) == ["edit_session"]
    moved = await adapter.update("smith-v-jones", SessionChanges.read(start="2026-03-05T00:30:00Z"))
    assert (moved.scheduled_start, moved.time_zone) == (datetime(2026, 3, 5, 0, 30, tzinfo=UTC), "America/New_York")
    assert sandbox.log.entries()[-1].body == {
        "remote_session": {
            "start_date": "2026-03-04",
            "start_time": "07:30 PM",
            "time_zone": "Eastern Time (US & Canada)",
        }
    }


async def test_people_are_added_and_only_they_are_emailed(
    adapter: PrevailAdapter, sandbox: Sandbox, draft: Draft
) -> None:
    made = await adapter.create(draft(participants=["a@example.com"]))
    sandbox.prevail.clear_emails()
    await adapter.update("smith-v-jones", SessionChanges.read(add_participants=["b@example.com"]))
    assert [email["to"] for email in sandbox.prevail.emails()] == ["b@example.com"]
    assert [person.email for person in await adapter.participants(made)] == ["a@example.com", "b@example.com"]


async def test_a_session_that_has_begun_is_not_changed(adapter: PrevailAdapter, sandbox: Sandbox, draft: Draft) -> None:
    await adapter.create(draft())
    sandbox.prevail.start("smith-v-jones")
    with pytest.raises(ConflictError, match="active"):
        await adapter.update("smith-v-jones", SessionChanges.read(title="New"))


@pytest.mark.parametrize("changes", [{"description": "x"}, {"options": {"case": "8"}}, {"time_zone": "UTC"}])
async def test_what_cannot_be_changed_is_refused_before_any_request(
    adapter: PrevailAdapter, sandbox: Sandbox, changes: dict[str, Any]
) -> None:
    with pytest.raises(InputError):
        await adapter.update("smith-v-jones", SessionChanges.read(**changes))
    assert sandbox.log.count() == 0


@pytest.mark.parametrize(("notify", "emails"), [(True, 1), (False, 0)])
async def test_cancel_emails_people_by_default(
    adapter: PrevailAdapter, sandbox: Sandbox, draft: Draft, notify: bool, emails: int
) -> None:
    await adapter.create(draft(participants=["a@example.com"]))
    canceled = await adapter.cancel("smith-v-jones", notify=notify)
    assert canceled.state is SessionState.CANCELED
    assert sandbox.prevail.session("smith-v-jones")["state"] == "canceled"
    assert len(sandbox.prevail.emails(kind="cancellation")) == emails


async def test_a_session_that_has_begun_is_not_canceled(
    adapter: PrevailAdapter, sandbox: Sandbox, draft: Draft
) -> None:
    await adapter.create(draft())
    sandbox.prevail.start("smith-v-jones")
    with pytest.raises(ConflictError):
        await adapter.cancel("smith-v-jones")


# Lists


@pytest.mark.parametrize("after_end", ["active", "ready", "gone"])
async def test_sessions_that_ended_in_a_window_are_listed_whatever_the_platform_calls_them(
    adapter: PrevailAdapter, sandbox: Sandbox, clock: VirtualClock, after_end: Any
) -> None:
    sandbox.prevail.settings.after_end = after_end
    sandbox.prevail.create(count=230, ended_between=(NOW - timedelta(days=20), NOW - timedelta(days=3)))
    ids = sandbox.prevail.create(count=5, ended_between=(NOW - timedelta(hours=20), NOW - timedelta(hours=4)))
    sandbox.prevail.create("Canceled", scheduled_start=NOW - timedelta(hours=9))
    sandbox.prevail.cancel("canceled")
    found = await listed(adapter, window=hour(24, 0))
    assert sorted(session.session_id for session in found) == sorted(ids)
    assert {(session.state, session.state_inferred) for session in found} == {(SessionState.ENDED, True)}


async def test_a_history_with_transcripts_costs_no_request_for_each_session(
    adapter: PrevailAdapter, sandbox: Sandbox
) -> None:
    sandbox.prevail.create(count=120, ended_between=(NOW - timedelta(hours=20), NOW - timedelta(hours=4)))
    assert len(await listed(adapter, window=hour(24, 0))) == 120
    assert sorted(str(route) for route in take_routes(sandbox)) == sorted(2 * LISTS)


async def test_sessions_that_start_in_a_window_are_listed_though_they_end_after_it(
    adapter: PrevailAdapter, draft: Draft
) -> None:
    await adapter.create(draft(duration=4 * 3600))
    found = await listed(adapter, window=hour(0, 2), by=WindowBy.SCHEDULED_START)
    assert [session.session_id for session in found] == ["smith-v-jones"]
    assert await listed(adapter, window=hour(0, 1), by=WindowBy.SCHEDULED_START) == [], "the end is not part of it"


@pytest.mark.parametrize("shown", [True, False])
async def test_the_case_is_known_and_filtered_by_though_sessions_do_not_show_it(
    adapter: PrevailAdapter, sandbox: Sandbox, shown: bool
) -> None:
    sandbox.prevail.settings.case_in_sessions = shown
    for number in range(4):
        sandbox.prevail.create(f"No. {number}", case=f"case-{number % 2}", ended_at=NOW, duration=600)
    sandbox.prevail.script("no-0", artifacts_after=0)
    everything = await listed(adapter)
    assert sorted((session.title, session.case) for session in everything) == [
        ("No. 0", "case-0"),
        ("No. 1", "case-1"),
        ("No. 2", "case-0"),
        ("No. 3", "case-1"),
    ]
    assert sorted(session.title for session in await listed(adapter, case="case-1")) == ["No. 1", "No. 3"]


async def test_a_session_without_a_planned_length_is_not_lost(
    adapter: PrevailAdapter, sandbox: Sandbox, clock: VirtualClock
) -> None:
    sandbox.prevail.settings.default_duration = None
    (slug,) = sandbox.prevail.create(ended_at=NOW - timedelta(hours=12), duration=600)
    assert [session.session_id for session in await listed(adapter, window=hour(24, 24))] == [slug]
    assert [session.session_id for session in await listed(adapter)] == [slug]


async def test_requests_that_wait_are_not_among_the_sessions(adapter: PrevailAdapter, sandbox: Sandbox) -> None:
    sandbox.prevail.create(requested=True)
    assert await listed(adapter) == []


# People


async def test_participants_are_the_people_invited_each_once_and_the_deponent(
    adapter: PrevailAdapter, sandbox: Sandbox, draft: Draft
) -> None:
    member = sandbox.prevail.member_email
    people = [{"email": member, "role": "host"}, member, "Guest@example.com", "guest@example.com"]
    made = await adapter.create(draft(participants=people, options={"deponent": DEPONENT}))
    found = await adapter.participants(made)
    assert [(person.email, person.name, person.role) for person in found] == [
        (member, None, "host"),
        ("Guest@example.com", None, None),
        ("malachite@example.com", "Malachite Yarrow", "deponent"),
    ]
    assert {person.presence for person in found} == {Presence.INVITED}


async def test_participants_of_many_sessions_do_not_cost_a_walk_each(adapter: PrevailAdapter, sandbox: Sandbox) -> None:
    sandbox.prevail.create(count=150, ended_between=(NOW - timedelta(hours=20), NOW - timedelta(hours=4)))
    sessions = await listed(adapter, window=hour(24, 0))
    take_routes(sandbox)
    for session in sessions:
        assert await adapter.participants(session)
    assert len(take_routes(sandbox)) <= 2


async def test_a_window_keeps_only_its_requests_and_a_page_of_each_list_does_not_wait_for_the_others(
    adapter: PrevailAdapter, sandbox: Sandbox
) -> None:
    older = [one for one in gc.get_objects() if type(one) is RequestRecord]
    sandbox.prevail.create(count=990, ended_between=(NOW - timedelta(days=90), NOW - timedelta(days=5)))
    sandbox.prevail.create(count=5, ended_between=(NOW - timedelta(hours=20), NOW - timedelta(hours=4)))
    sessions = await listed(adapter, window=hour(24, 0))
    assert len(sessions) == 5
    assert set(map(str, take_routes(sandbox)[:2])) == set(LISTS), "side by side"
    kept = [one for one in gc.get_objects() if type(one) is RequestRecord]
    assert len(kept) - len(older) < 100, "of 995"
    for session in sessions:
        assert await adapter.participants(session)
    assert take_routes(sandbox) == []


@pytest.mark.parametrize("is_far", [True, False])
async def test_a_canceled_session_is_not_listed_if_another_has_its_slug_now(
    adapter: PrevailAdapter, sandbox: Sandbox, is_far: bool
) -> None:
    sandbox.prevail.settings.list_canceled = False
    sandbox.prevail.create("Same", scheduled_start=NOW + timedelta(hours=1))
    sandbox.prevail.cancel("same")
    start = NOW + timedelta(days=30 if is_far else 0, hours=2)
    sandbox.prevail.create("Same", scheduled_start=start, remote_session_id="same")
    found = await listed(adapter, window=hour(0, 3), by="scheduled_start")
    assert [session.state for session in found] == ([] if is_far else [SessionState.SCHEDULED])


async def test_people_added_meanwhile_are_listed_soon(
    adapter: PrevailAdapter, open_adapter: Open, clock: VirtualClock, draft: Draft
) -> None:
    made = await adapter.create(draft(participants=["a@example.com"]))
    assert len(await adapter.participants(made)) == 1
    await open_adapter().update(made.session_id, SessionChanges.read(add_participants=["b@example.com"]))
    clock.jump(60)
    assert len(await adapter.participants(made)) == 2


# Artifacts


@pytest.fixture
async def over(adapter: PrevailAdapter, sandbox: Sandbox, clock: VirtualClock, draft: Draft) -> Session:
    """A session that ended ten minutes ago, with its recording after 30 seconds and its transcript after an hour."""
    sandbox.prevail.default_script(live_after=0, duration=600, artifacts_after={"recording": 30, "transcript": 3600})
    made = await adapter.create(draft(participants=["quartz@example.com"], options={"deponent": DEPONENT}))
    clock.jump(1200)
    return made


@pytest.mark.parametrize("wrapped", [True, False])
@pytest.mark.parametrize("times", ["seconds", "clock"])
@pytest.mark.parametrize("ends", [True, False])
async def test_a_transcript_reads_in_whatever_shape_it_comes(
    adapter: PrevailAdapter,
    sandbox: Sandbox,
    clock: VirtualClock,
    over: Session,
    wrapped: bool,
    times: Any,
    ends: bool,
) -> None:
    settings = sandbox.prevail.settings
    settings.transcripts_wrapped, settings.transcript_times, settings.transcript_ends = wrapped, times, ends
    clock.jump(3600)
    (transcript,) = await adapter.transcripts(over)
    truth = sandbox.prevail.oracle()[0]["content"]["transcript"]
    assert transcript.started_at == NOW
    assert [(s.start, s.speaker_name, s.text) for s in transcript.segments] == [
        (row["start"], row["speaker"], row["text"]) for row in truth
    ]
    if ends:
        assert [segment.end for segment in transcript.segments] == [row["end"] for row in truth]
    else:
        starts = [row["start"] for row in truth]
        assert [segment.end for segment in transcript.segments[:-1]] == starts[1:]
        assert starts[-1] < transcript.segments[-1].end <= starts[-1] + 10
    assert {segment.end_inferred for segment in transcript.segments} == {not ends}


@pytest.mark.parametrize("missing", ["empty", "404"])
async def test_materials_that_are_not_there_yet_are_neither_an_error_nor_ready(
    adapter: PrevailAdapter, sandbox: Sandbox, clock: VirtualClock, draft: Draft, missing: Any
) -> None:
    sandbox.prevail.settings.missing_materials = missing
    made = await adapter.create(draft())
    assert await adapter.transcripts(made) == []
    assert await adapter.recordings(made) == []
    for artifact in (Artifact.TRANSCRIPT, Artifact.RECORDING):
        status = await adapter.artifact_status(made, artifact)
        assert (status.ready, status.absent) == (False, None)


async def test_a_transcript_is_ready_late_and_can_be_revised(
    adapter: PrevailAdapter, sandbox: Sandbox, clock: VirtualClock, over: Session
) -> None:
    assert not (await adapter.artifact_status(over, Artifact.TRANSCRIPT)).ready
    clock.jump(3600)
    assert (await adapter.artifact_status(over, Artifact.TRANSCRIPT)).ready
    before = await adapter.transcripts(over)
    sandbox.prevail.revise(over.session_id, "transcript")
    assert await adapter.transcripts(over) != before


@pytest.mark.parametrize("wrapped", [True, False])
async def test_recordings_keep_their_ids_and_say_what_they_are(
    adapter: PrevailAdapter, sandbox: Sandbox, clock: VirtualClock, over: Session, wrapped: bool
) -> None:
    settings = sandbox.prevail.settings
    settings.recordings_wrapped, settings.speaker_tracks = wrapped, True
    found = await adapter.recordings(over)
    assert len({recording.recording_id for recording in found}) == len(found) > 1
    first = found[0]
    assert (first.status, first.media_type, first.size_bytes) == (RecordingStatus.READY, "audio/mp4", 200_000)
    assert (first.name, first.created_at) == ("smith-v-jones-20260302.mp4", NOW + timedelta(seconds=630))
    clock.jump(90_000)
    assert [recording.recording_id for recording in await adapter.recordings(over)] == [r.recording_id for r in found]
    assert "X-Amz" not in str([recording.model_dump() for recording in found])


async def fetch(adapter: PrevailAdapter, recording: Recording) -> tuple[str, int]:
    target = io.BytesIO()
    done = await Download(adapter.client, lambda: adapter.recording_request(recording), target).run()
    return done.sha256, len(target.getvalue())


@pytest.mark.parametrize("store", [None, "http://store.test"])
async def test_a_recording_is_downloaded_whole_and_the_store_is_sent_no_token(
    adapter: PrevailAdapter, sandbox: Sandbox, over: Session, store: str | None
) -> None:
    sandbox.prevail.settings.files_origin = store
    (recording,) = await adapter.recordings(over)
    truth = sandbox.prevail.oracle()[0]["content"]["recording"][0]
    take_routes(sandbox)
    assert await fetch(adapter, recording) == (truth["sha256"], truth["size"])
    assert take_routes(sandbox) == ["get_file"]


async def test_an_address_that_expires_on_the_way_is_requested_again(
    adapter: PrevailAdapter, sandbox: Sandbox, clock: VirtualClock, over: Session, tmp_path: Path
) -> None:
    (recording,) = await adapter.recordings(over)
    clock.jump(86_400)
    take_routes(sandbox)
    [done] = await download_recordings(adapter, LocalStore(tmp_path), [recording], 1)
    assert done["bytes"] == recording.size_bytes
    assert [entry.status for entry in sandbox.log.entries(route="get_file")] == [403, 200]
    assert take_routes(sandbox) == ["get_file", "list_recordings", "get_file"]


async def test_a_recording_that_is_gone_has_no_address(
    adapter: PrevailAdapter, sandbox: Sandbox, over: Session
) -> None:
    (recording,) = await adapter.recordings(over)
    sandbox.prevail.script(over.session_id, recording="none")
    with pytest.raises(NotFoundError, match="any more"):
        await adapter.recording_request(recording.model_copy(update={"download_url": None}))


# Zones and limits


@pytest.mark.parametrize("name", sorted(FRIENDLY))
def test_every_friendly_name_of_a_zone_is_read(name: str) -> None:
    read = zones.parse_time("2026-07-01", "09:00 AM", name)
    assert read == datetime(2026, 7, 1, 9, tzinfo=ZoneInfo(FRIENDLY[name])).astimezone(UTC)


def test_every_zone_is_written_in_a_way_that_prevail_reads() -> None:
    summer = datetime(2026, 7, 1, 9, tzinfo=UTC)
    for iana in sorted(available_timezones() - {"localtime", "posixrules"}):
        written = zones.format_time(summer, iana)
        assert parse_start(written["start_date"], written["start_time"], written["time_zone"]) == summer, iana


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kolkata", "Pacific/Auckland", "Europe/Kyiv", "US/Pacific"])
async def test_a_session_keeps_its_zone(adapter: PrevailAdapter, draft: Draft, zone: str) -> None:
    made = await adapter.create(draft(start="2026-03-09T08:05", time_zone=zone))
    assert made.scheduled_start == datetime(2026, 3, 9, 8, 5, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    local = made.scheduled_start.astimezone(ZoneInfo(made.time_zone or "UTC"))
    assert (local.hour, local.minute) == (8, 5)


async def test_a_limit_is_waited_out(adapter: PrevailAdapter, sandbox: Sandbox, draft: Draft) -> None:
    sandbox.prevail.set_rate_limit(2, 30)
    for number in range(5):
        await adapter.create(draft(f"No. {number}"))
    assert len(sandbox.prevail.sessions()) == 5


# Over a real connection


async def test_a_create_that_broke_off_is_found_and_its_recording_comes_from_another_origin() -> None:
    sandbox = Sandbox()
    with SandboxServer(sandbox) as server:
        prevail = sandbox.prevail
        prevail.settings.files_origin = server.url.replace("127.0.0.1", "localhost")
        prevail.default_script(live_after=0, duration=60, artifacts_after=0)
        connection = {name: value for name, value in prevail.connection().items() if name != "conn_type"}
        plan: dict[str, Any] = {"start": datetime.now(UTC), "time_zone": "UTC", "options": {"case": "7"}, "key": "k"}
        draft = SessionDraft.read(title="Smith v. Jones", **plan)
        async with PrevailAdapter.open(Account("p", "prevail", **connection)) as adapter:
            sandbox.faults.add("lost_response", route="create_session")
            with pytest.raises(BrokenConnectionError):
                await adapter.create(draft)
            (found,) = await ours(adapter, draft)
            sandbox.clock.advance(60)
            (recording,) = await adapter.recordings(found)
            sha256, size = await fetch(adapter, recording)
        assert (sha256, size) == (prevail.oracle()[0]["content"]["recording"][0]["sha256"], recording.size_bytes)
        assert sandbox.log.count(route="create_session") == 1
        assert sandbox.log.entries(route="get_file")[-1].credential == ()


async def test_rooms_are_refused_rather_than_never_found(adapter: PrevailAdapter) -> None:
    with pytest.raises(InputError, match="room_id: prevail has no rooms; filter by case or title"):
        await listed(adapter, room_id="r-1")


# A session that the list of sessions never showed


class TestNeverListed:
    """The session of a request alone."""

    @pytest.fixture
    def clock(self) -> VirtualClock:
        return VirtualClock(NOW.replace(hour=10), auto=True)

    @staticmethod
    def of(clock: VirtualClock, word: str, **extra: Any) -> PrevailAdapter:
        """A platform whose list of sessions is empty, and that has one request: from 10 to 11 in Berlin."""
        planned = {"title": "Smith", "case": "7", "start_date": "2026-03-02", "start_time": "10:00 AM"}
        planned |= {"time_zone": "Berlin", "estimated_duration": 1.0}
        request = {"id": 5, "remote_session_id": "smith", "session_state": word, "remote_session": planned}

        def respond(received: httpx.Request) -> httpx.Response:
            found = {"requests": [request]} if received.url.path.endswith("/session_requests") else []
            return httpx.Response(200, json=found)

        account = Account("p", "prevail", host="https://p.test/api/v1", login="acme", password="k" * 32, extra=extra)
        return PrevailAdapter.open(account, clock=clock, transport=httpx.MockTransport(respond))

    @pytest.mark.parametrize(
        ("word", "before"), [("scheduled", "scheduled"), ("ready", "scheduled"), ("active", "live")]
    )
    async def test_it_is_over_once_its_planned_end_and_the_grace_have_passed(
        self, clock: VirtualClock, word: str, before: str
    ) -> None:
        for seconds, state in ((0, before), (1799, before), (1, "ended"), (86_400, "ended")):
            clock.jump(seconds)
            async with self.of(clock, word, end_grace=1800) as adapter:
                session = await adapter.get("smith")
                assert (session.state.value, session.state_inferred) == (state, state == "ended")
                assert await listed(adapter) == [session]
        assert session.ended_at == NOW.replace(hour=10)

    async def test_its_times_are_those_of_its_zone(self, clock: VirtualClock) -> None:
        async with self.of(clock, "ready") as adapter:
            session = await adapter.get("smith")
        assert (session.scheduled_start, session.time_zone) == (NOW.replace(hour=9), "Europe/Berlin")
        assert (session.title, session.case, session.url) == ("Smith", "7", "https://p.test/sessions/smith")

    @pytest.mark.parametrize(("word", "state"), [("canceled", "canceled"), ("initial", "requested")])
    async def test_what_was_not_held_does_not_end(self, clock: VirtualClock, word: str, state: str) -> None:
        clock.jump(86_400)
        async with self.of(clock, word) as adapter:
            assert (await adapter.get("smith")).state.value == state
