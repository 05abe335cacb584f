"""What VidInfra's two APIs are for, call after call, against the sandbox: engagement in a session, a video library."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from airflow_provider_sessions.client.call import Call, Paged
from airflow_provider_sessions.errors import ConflictError, NotFoundError, RejectedError
from airflow_provider_sessions.platforms.account import Account
from airflow_provider_sessions.platforms.vidinfra import endpoints as e
from airflow_provider_sessions.platforms.vidinfra.adapter import VidInfraAdapter
from airflow_provider_sessions.sandbox import Sandbox, SandboxServer
from airflow_provider_sessions.sandbox.fixtures import sandbox, sandbox_server

__all__ = ["sandbox", "sandbox_server"]


@pytest.fixture
async def adapter(sandbox_server: SandboxServer) -> AsyncIterator[VidInfraAdapter]:
    platform = sandbox_server.sandbox.vidinfra
    extra = {"video_host": platform.video_host}
    account = Account("c", "vidinfra", host=platform.base_url, password=platform.api_key, extra=extra)
    async with VidInfraAdapter.open(account, attempts=1) as opened:
        yield opened


@pytest.fixture
def send(adapter: VidInfraAdapter) -> Any:
    async def send(call: Call[Any]) -> Any:
        if isinstance(call, Paged):
            return [item async for item in adapter.client.pages(call)]
        return await adapter.client.send(call)

    return send


@pytest.fixture
def live(sandbox: Sandbox) -> str:
    return sandbox.vidinfra.create(started_at=sandbox.clock.now())[0]


@pytest.fixture
def library(sandbox: Sandbox) -> str:
    return sandbox.vidinfra.library_id


async def test_a_poll_is_made_voted_on_and_closed(send: Any, live: str) -> None:
    poll = await send(e.create_poll(live, "Lunch?", ["Yes", "No"]))
    await send(e.vote(poll.id, poll.options[0].id))
    await send(e.vote(poll.id, poll.options[0].id))
    await send(e.close_poll(poll.id))

    with pytest.raises(ConflictError, match="closed"):
        await send(e.vote(poll.id, poll.options[1].id))
    [listed] = await send(e.list_polls(live))
    assert listed == await send(e.get_poll_results(poll.id))
    assert [(option.text, option.vote_count) for option in listed.options] == [("Yes", 2), ("No", 0)]
    assert (listed.status, listed.session_id) == ("closed", live)
    with pytest.raises(RejectedError, match="options"):
        await send(e.create_poll(live, "Lunch?", ["Yes"]))


async def test_a_chat_comes_in_pages(send: Any, live: str, sandbox: Sandbox) -> None:
    for number in range(5):
        await send(e.send_chat_message(live, f"Message {number}"))
    messages = await send(e.list_chat_messages(live, limit=2))
    assert [one.message for one in messages] == [f"Message {number}" for number in range(5)]
    assert len([entry for entry in sandbox.log.entries() if entry.route == "list_chat_messages"]) == 3

    await send(e.delete_chat_message(live, messages[0].id))
    assert len(await send(e.list_chat_messages(live))) == 4
    with pytest.raises(NotFoundError):
        await send(e.delete_chat_message(live, messages[0].id))


async def test_the_stage_is_requested_given_and_taken(send: Any, live: str) -> None:
    hand = await send(e.raise_hand(live, participant_identity="ada", message="A question"))
    assert [one.id for one in await send(e.list_hand_raises(live))] == [hand.id]
    assert (await send(e.approve_hand_raise(live, hand.id))).status == "approved"
    assert (await send(e.get_my_hand_raise(live))).status == "approved"
    assert await send(e.list_hand_raises(live)) == []
    await send(e.lower_hand(live))
    assert await send(e.get_my_hand_raise(live)) is None

    await send(e.add_to_stage(live, "ada", participant_name="Ada"))
    await send(e.update_stage_permissions(live, "ada", can_publish_video=False))
    [on_stage] = await send(e.list_stage_participants(live))
    assert (on_stage.participant_name, on_stage.can_publish_audio, on_stage.can_publish_video) == ("Ada", True, False)
    assert (await send(e.get_stage_token(live))).livekit_token
    await send(e.remove_from_stage(live, "ada"))
    assert await send(e.list_stage_participants(live)) == []

    request = await send(e.create_join_request(live))
    assert (await send(e.get_my_join_request(live))).status == "pending"
    assert [one.id for one in await send(e.list_join_requests(live))] == [request.id]
    assert (await send(e.reject_join_request(live, request.id))).status == "rejected"


async def test_a_participant_is_banned_and_let_in_again(send: Any, live: str, sandbox: Sandbox) -> None:
    user_id = sandbox.vidinfra.population.people[40].id
    ban = await send(e.ban_participant(live, user_id, reason="Spam"))
    assert await send(e.ban_participant(live, user_id)) == ban
    [banned] = await send(e.list_banned_participants(live))
    assert (banned.user.id, banned.reason) == (user_id, "Spam")
    assert (await send(e.get_ban_status(live))).is_banned is False
    await send(e.unban_participant(live, user_id))
    assert await send(e.list_banned_participants(live)) == []


async def test_reminders_of_a_room(send: Any, sandbox: Sandbox) -> None:
    room = sandbox.vidinfra.room_id
    await send(e.subscribe_to_reminders(room))
    assert (await send(e.get_reminder_status(room))).subscribed is True
    await send(e.unsubscribe_from_reminders(room))
    assert (await send(e.get_reminder_status(room))).subscribed is False


async def test_a_recording_is_pulled_into_a_library_and_gets_subtitles_and_chapters(
    send: Any, sandbox: Sandbox, library: str
) -> None:
    folder = await send(e.create_folder(library, "Webinars"))
    video = await send(e.pull_video(library, "https://files.example/a.mp4", name="Talk", metadata={"custom_id": "s-1"}))
    assert video.status == "pulling"
    assert (await send(e.get_video_by_custom_id(library, "custom_id", "s-1"))).id == video.id
    sandbox.clock.advance(61)
    assert (await send(e.get_video(library, video.id))).status == "playable"
    assert [one.event for one in await send(e.list_video_timeline(library, video.id))] == [
        "pulling",
        "processing",
        "playable",
    ]

    await send(e.update_video(library, video.id, name="The talk"))
    await send(e.move_videos(library, [video.id], folder.id))
    [found] = (await send(e.search_videos(library, "talk"))).videos
    assert (found.name, found.folder_id) == ("The talk", folder.id)
    assert [one.id for one in await send(e.list_videos(library, folder_id=folder.id))] == [video.id]

    await send(e.create_subtitle(library, video.id, "English", "en", "WEBVTT\n\n00:00.000 --> 00:01.000\nHello\n"))
    [subtitle] = await send(e.list_subtitles(library, video.id))
    assert (subtitle.title, subtitle.language, subtitle.path) == ("English", "en", "en.vtt")
    assert (await send(e.update_subtitle(library, video.id, subtitle.id, title="English (CC)"))).language == "en"
    with pytest.raises(RejectedError):
        await send(e.create_subtitle(library, video.id, "English", "en", "no WebVTT"))

    chapters = [{"title": "Opening", "start_time": 0, "end_time": 30}]
    await send(e.set_chapters(library, video.id, chapters))
    assert [(one.title, one.end_time) for one in await send(e.list_chapters(library, video.id))] == [("Opening", 30)]

    await send(e.upload_thumbnail(library, video.id, b"\xff\xd8image"))
    await send(e.delete_thumbnail(library, video.id, "thumbnail_1.jpg"))
    await send(e.delete_video(library, video.id))
    with pytest.raises(NotFoundError):
        await send(e.get_video(library, video.id))


async def test_the_settings_of_a_library(send: Any, library: str) -> None:
    one = await send(e.create_transcoding_profile(library, "HD", transcoding={"format": ["abr"]}))
    two = await send(e.create_transcoding_profile(library, "SD"))
    await send(e.set_default_transcoding_profile(library, two.id))
    profiles = await send(e.list_transcoding_profiles(library))
    assert [(profile.id, profile.is_default) for profile in profiles] == [(one.id, False), (two.id, True)]

    player = await send(e.create_player(library, "Dark", settings={"language": "en"}))
    assert (await send(e.update_player(library, player.id, name="Light"))).name == "Light"
    await send(e.delete_player(library, player.id))
    assert await send(e.list_players(library)) == []

    rule: Any = {"action": "allow", "values": ["example.com"], "enabled": True}
    await send(e.update_security_settings(library, rule, rule, "private"))
    assert (await send(e.get_security_settings(library))).whitelist_referrers.values == ["example.com"]

    endpoint = await send(e.create_webhook_endpoint(library, "https://example.com/hook", "Mine", ["playable"]))
    assert [listed.id for listed in await send(e.list_webhook_endpoints(library))] == [endpoint.id]
    assert await send(e.list_webhook_deliveries(library, endpoint.id)) == []
    assert (await send(e.validate_migration_credentials(library, "vimeo", "t"))).success


async def test_folders_are_moved_and_deleted_by_the_dozen(send: Any, library: str) -> None:
    parent, *others = [await send(e.create_folder(library, f"Folder {number}")) for number in range(25)]
    await send(e.move_folders(library, [one.id for one in others], parent.id))
    assert len(await send(e.list_folders(library, parent_id=parent.id, limit=10))) == 24
    await send(e.delete_folders(library, [one.id for one in others]))
    assert [one.id for one in await send(e.list_folders(library))] == [parent.id]


async def test_a_library_is_made_changed_and_deleted(send: Any, library: str) -> None:
    made = await send(e.create_video_library("Talks", "us-east-1", "marketing"))
    assert (await send(e.update_video_library(made.id, "All talks"))).description == "All talks"
    assert {one.id for one in await send(e.list_video_libraries())} >= {made.id, library}
    await send(e.delete_video_library(made.id))
    with pytest.raises(NotFoundError):
        await send(e.get_video_library(made.id))
