"""VidInfra's video API: libraries of videos, over the store of objects.

Methods and paths are documented. A pulled video is processed while time passes; nothing is fetched.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, Field
from starlette.responses import Response

from airflow_provider_sessions.sandbox.request_parsing import ApiError, PlatformRequest
from airflow_provider_sessions.sandbox.vidinfra import lookup, pages
from airflow_provider_sessions.sandbox.vidinfra.stored_objects import (
    Handler,
    Object,
    changing,
    choosing,
    creating,
    getting,
    listing,
    parent_of,
    removing,
)
from airflow_provider_sessions.sandbox.vidinfra.table import VIDEO_MOUNT, routes

if TYPE_CHECKING:
    from airflow_provider_sessions.sandbox.vidinfra.platform import VidInfra

LIBRARY = f"{VIDEO_MOUNT}/libraries/{{library_id}}"
VIDEO = f"{LIBRARY}/videos/{{video_id}}"

PROCESSING = (("pulling", 0.0), ("processing", 20.0), ("playable", 60.0))
"""Status of a pulled video, and seconds after the request from which it has it."""


class Library(BaseModel):
    """Body of Create Library."""

    name: str
    region: str
    usage_type: str
    description: str = ""
    default_privacy: str = "unlisted"
    tags: list[str] = []


class LibraryChanges(BaseModel):
    """Body of Update Library."""

    description: str
    name: str | None = None
    region: str | None = None
    usage_type: str | None = None
    default_privacy: str | None = None
    tags: list[str] | None = None


class Folder(BaseModel):
    """Body of Create Folder and Update Folder."""

    name: str
    parent_id: str | None = None


class FolderMove(BaseModel):
    """Body of Move Folder, Bulk Move Folder and Bulk Delete Folder."""

    new_parent_id: str | None = None
    folder_ids: list[str] = []


class Metadata(BaseModel):
    """One key of a video's metadata."""

    key: str
    value: str


class Video(BaseModel):
    """Body of Create Video, Pull Video and Update Video."""

    url: str
    name: str | None = None
    description: str | None = None
    metadata: list[Metadata] = []
    tags: list[str] = []
    folder_id: str | None = None


class VideoChanges(Video):
    """Body of Update Video."""

    url: str | None = None  # type: ignore[assignment]


class VideoMove(BaseModel):
    """Body of Bulk Move Videos to Folder."""

    new_folder_id: str
    video_ids: list[str]


class Thumbnail(BaseModel):
    """Body of Set Thumbnail."""

    thumbnail_url: str


class Chapter(BaseModel):
    """One chapter; its times are in seconds."""

    title: str
    start_time: int = Field(ge=0)
    end_time: int = Field(ge=0)
    order_index: int = 0


class Chapters(BaseModel):
    """Body of Upsert Chapter."""

    chapters: list[Chapter]


class Named(BaseModel, extra="allow"):
    """Body of a transcoding profile or a player."""

    name: str


class WebhookEndpoint(BaseModel):
    """Body of Create Webhook Endpoint and Update Webhook Endpoint."""

    url: str
    name: str
    events: list[str]
    secret: str | None = None


class AccessRule(BaseModel):
    """A list of hosts or countries."""

    action: str
    values: list[str]
    enabled: bool


class Security(BaseModel):
    """Body of Update Security Settings."""

    referrers: AccessRule
    countries: AccessRule
    video_privacy: str


class UploadMetadata(BaseModel):
    """What an upload is for."""

    libraryId: str  # noqa: N815
    folderId: str  # noqa: N815
    source: str
    tags: list[str]


class Upload(BaseModel):
    """Body of Initialize Multipart Upload."""

    filename: str
    type: str
    metadata: UploadMetadata


class Credentials(BaseModel):
    """The token of an account elsewhere."""

    access_token: str


class Migration(BaseModel):
    """Body of Create Migrations and Validate Credentials."""

    provider: str
    credentials: Credentials


def envelope(asked: PlatformRequest, result: Any) -> dict[str, Any]:
    """Put a result into ``{data, message, success}``; a list comes in pages."""
    said = {"message": "OK", "success": True}
    if isinstance(result, dict) and set(result) == {"message"}:
        return said | result
    if not isinstance(result, list):
        return said | {"data": result}
    number, size = pages.number(asked, "page", 1), pages.number(asked, "limit", 20)
    total = len(result)
    pagination = {"page": number, "page_size": size, "total": total, "total_pages": -(-total // size)}
    return said | {"data": result[(number - 1) * size : number * size], "meta": {"pagination": pagination}}


def _video(vidinfra: VidInfra, asked: PlatformRequest) -> Object:
    within = {"library_id": parent_of(vidinfra, asked, None)["library_id"]}
    return vidinfra.objects.get("videos", asked.args["video_id"], within)


def _shown(vidinfra: VidInfra, asked: PlatformRequest, video: Object) -> Object:
    """A video as it is by now."""
    age = (asked.now - datetime.fromisoformat(video["created_at"])).total_seconds()
    status = next(status for status, seconds in reversed(PROCESSING) if age >= seconds)
    origin = f"{asked.origin}{VIDEO_MOUNT}/media/{video['id']}"
    playback = {"embed_url": f"{origin}/embed", "hls_url": f"{origin}/master.m3u8"} if status == "playable" else {}
    shown = {name: value for name, value in video.items() if name not in ("url", "user_id", "username")}
    metadata = {one["key"]: one["value"] for one in video["metadata"]}
    return shown | {"status": status, "metadata": metadata, "assets": {"playback": playback}}


def _pull(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    library_id = parent_of(vidinfra, asked, None)["library_id"]
    video = vidinfra.objects.add("videos", asked, library_id=library_id, **asked.read(Video).model_dump())
    return _shown(vidinfra, asked, video)


def _list_videos(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    within = {"library_id": parent_of(vidinfra, asked, None)["library_id"]}
    if folder_id := asked.query.get("folder_id"):
        within["folder_id"] = folder_id
    return [_shown(vidinfra, asked, one) for one in vidinfra.objects.all("videos", within)]


def _get_video(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    return _shown(vidinfra, asked, _video(vidinfra, asked))


def _update_video(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    video = _video(vidinfra, asked)
    video |= asked.read(VideoChanges).model_dump(exclude_unset=True)
    return _shown(vidinfra, asked, video)


def _video_by_custom_id(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    for video in _list_videos(vidinfra, asked):
        if video["metadata"].get(asked.args["field"]) == asked.args["custom_id"]:
            return video
    raise lookup.not_found()


def _search_videos(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    words = asked.query.get("q", "").casefold()
    return [one for one in _list_videos(vidinfra, asked) if words in (one["name"] or "").casefold()]


def _move_videos(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    move, within = asked.read(VideoMove), {"library_id": parent_of(vidinfra, asked, None)["library_id"]}
    folder = vidinfra.objects.get("folders", move.new_folder_id, within)
    for video_id in move.video_ids:
        vidinfra.objects.get("videos", video_id, within)["folder_id"] = folder["id"]
    return {"message": "Videos Updated Successfully"}


def _timeline(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    video = _video(vidinfra, asked)
    began = datetime.fromisoformat(video["created_at"])
    steps = [(status, began + timedelta(seconds=seconds)) for status, seconds in PROCESSING]
    return [
        {"id": f"{video['id']}-{status}", "video_id": video["id"], "event": status, "timestamp": at.isoformat()}
        for status, at in steps
        if at <= asked.now
    ]


def _list_folders(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    within = {"library_id": parent_of(vidinfra, asked, None)["library_id"]}
    parent_id = asked.query.get("parent_id")
    return [one for one in vidinfra.objects.all("folders", within) if parent_id in (None, one["parent_id"])]


def _move_folders(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    move, within = asked.read(FolderMove), {"library_id": parent_of(vidinfra, asked, None)["library_id"]}
    for folder_id in move.folder_ids:
        vidinfra.objects.get("folders", folder_id, within)["parent_id"] = move.new_parent_id
    return {"message": "Folders Updated Successfully"}


def _move_folder(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    within = {"library_id": parent_of(vidinfra, asked, None)["library_id"]}
    folder = vidinfra.objects.get("folders", asked.args["folder_id"], within)
    folder["parent_id"] = asked.read(FolderMove).new_parent_id
    return folder


def _delete_folders(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    within = {"library_id": parent_of(vidinfra, asked, None)["library_id"]}
    ids = [vidinfra.objects.get("folders", one, within)["id"] for one in asked.read(FolderMove).folder_ids]
    for folder_id in ids:
        vidinfra.objects.remove("folders", folder_id)
    return {"message": "Folders Deleted Successfully"}


def _subtitle(asked: PlatformRequest) -> Object:
    """The fields of a form with subtitles.

    :raises ApiError: 422, the file is no WebVTT.
    """
    form = asked.form()
    fields: Object = {name: form[name].decode() for name in ("title", "language") if name in form}
    if "file" in form:
        if not form["file"].startswith(b"WEBVTT"):
            raise ApiError(422, "Invalid Request", gateway=True)
        fields |= {"content": form["file"].decode(), "path": f"{fields.get('language', 'subtitles')}.vtt"}
    return fields


def _without_content(subtitle: Object) -> Object:
    return {name: value for name, value in subtitle.items() if name != "content"}


def _create_subtitle(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    video, fields = _video(vidinfra, asked), _subtitle(asked)
    if missing := {"title", "language", "content"} - set(fields):
        raise ApiError(422, f"Invalid Request: {', '.join(sorted(missing))} missing", gateway=True)
    within = {"library_id": video["library_id"], "video_id": video["id"]}
    return _without_content(vidinfra.objects.add("subtitles", asked, **within, **fields))


def _list_subtitles(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    return [
        _without_content(one) for one in vidinfra.objects.all("subtitles", {"video_id": _video(vidinfra, asked)["id"]})
    ]


def _update_subtitle(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    within = {"video_id": _video(vidinfra, asked)["id"]}
    subtitle = vidinfra.objects.get("subtitles", asked.args["subtitle_id"], within)
    subtitle |= _subtitle(asked)
    return _without_content(subtitle)


def _upload_thumbnail(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    if not asked.form().get("file"):
        raise ApiError(422, "Invalid Request", gateway=True)
    thumbnails = _video(vidinfra, asked).setdefault("thumbnails", [])
    thumbnails.append(f"thumbnail_{len(thumbnails) + 1}.jpg")
    return {"message": "Video Thumbnail Created Successfully"}


def _delete_thumbnail(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    thumbnails = _video(vidinfra, asked).setdefault("thumbnails", [])
    if asked.args["file_name"] not in thumbnails:
        raise lookup.not_found()
    thumbnails.remove(asked.args["file_name"])
    return {"message": "Video Thumbnail Deleted Successfully"}


def _set_thumbnail(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    _video(vidinfra, asked)["thumbnail_url"] = asked.read(Thumbnail).thumbnail_url
    return {"message": "Video Thumbnail Updated Successfully"}


def _set_chapters(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    video = _video(vidinfra, asked)
    given = asked.read(Chapters).chapters
    video["chapters"] = [
        chapter.model_dump() | {"id": f"{video['id']}-{number}", "video_id": video["id"]}
        for number, chapter in enumerate(given)
    ]
    return video["chapters"]


def _list_chapters(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    return _video(vidinfra, asked).get("chapters", [])


def _library(vidinfra: VidInfra, asked: PlatformRequest) -> Object:
    return vidinfra.objects.get("libraries", asked.args["library_id"], {})


def _list_libraries(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    return list(vidinfra.objects.all("libraries", {}))


def _create_library(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    return vidinfra.objects.add("libraries", asked, status="provisioning", **asked.read(Library).model_dump())


def _update_library(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    library = _library(vidinfra, asked)
    library |= asked.read(LibraryChanges).model_dump(exclude_unset=True)
    return library


def _delete_library(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    vidinfra.objects.remove("libraries", _library(vidinfra, asked)["id"])
    return {"message": "Library Deleted Successfully"}


def _metrics(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    return {"videos": len(_list_videos(vidinfra, asked))}


def _security(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    return _library(vidinfra, asked).get("security", {"video_privacy": "unlisted"})


def _update_security(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    body = asked.read(Security).model_dump()
    kept = {
        "video_privacy": body["video_privacy"],
        "whitelist_referrers": body["referrers"],
        "blocked_countries": body["countries"],
    }
    _library(vidinfra, asked)["security"] = kept
    return kept


def _migrate(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    parent_of(vidinfra, asked, None)
    asked.read(Migration)
    return {"message": "Credentials are valid"}


def _upload(vidinfra: VidInfra, asked: PlatformRequest) -> Object:
    return vidinfra.objects.get("uploads", asked.args["upload_id"], parent_of(vidinfra, asked, "upload_id"))


def _start_upload(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    body, parent = asked.read(Upload), parent_of(vidinfra, asked, None)
    upload = vidinfra.objects.add("uploads", asked, **parent, file=body.model_dump(), parts={})
    return {"uploadId": upload["id"], "key": f"{parent['library_id']}/{upload['id']}"}


def _part_url(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    library = parent_of(vidinfra, asked, None)["library_id"]
    upload = vidinfra.objects.get("uploads", asked.args["upload_id"], {"library_id": library})
    signature = vidinfra.ids.token("part", 24)
    upload.setdefault("signatures", {})[signature] = int(asked.args["part_number"])
    return {"url": f"{asked.origin}{VIDEO_MOUNT}/parts/{upload['id']}/{signature}"}


def _put_part(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    upload = vidinfra.objects.get("uploads", asked.args["upload_id"], {})
    number = upload.get("signatures", {}).get(asked.args["signature"])
    if number is None:
        raise ApiError(403, "The signature does not match")
    etag = hashlib.md5(asked.body, usedforsecurity=False).hexdigest()
    upload["parts"][number] = {"PartNumber": number, "ETag": etag, "Size": len(asked.body)}
    return Response(headers={"ETag": f'"{etag}"'})


def _list_parts(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    return {"parts": [part for _, part in sorted(_upload(vidinfra, asked)["parts"].items())]}


def _complete_upload(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    upload, body = _upload(vidinfra, asked), asked.json() or {}
    held = {number: part["ETag"] for number, part in upload["parts"].items()}
    named = {part["PartNumber"]: str(part["ETag"]).strip('"') for part in body.get("parts", [])}
    if not named or named != held:
        raise ApiError(422, "Invalid Request", gateway=True)
    file = upload["file"]
    video = vidinfra.objects.add(
        "videos",
        asked,
        library_id=upload["library_id"],
        **Video(url="", name=file["filename"], folder_id=file["metadata"]["folderId"] or None).model_dump(),
        size_bytes=sum(part["Size"] for part in upload["parts"].values()),
    )
    vidinfra.objects.remove("uploads", upload["id"])
    return _shown(vidinfra, asked, video)


def _deliver_again(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    parent = parent_of(vidinfra, asked, "delivery_id")
    vidinfra.objects.get("deliveries", asked.args["delivery_id"], parent)["next_retry_at"] = None
    return {"message": "Delivery retried"}


def _enter(path: str, *table: tuple[str, str, Handler]) -> None:
    """Enter handlers for one path: method, name and handler each. What is made is answered by 201."""
    for method, name, handler in table:
        status = 201 if name.startswith(("create", "pull", "upload")) else 200
        routes(method, path, name, documented=True, access="host", status=status)(handler)


def _enter_kind(
    path: str, kind: str, one: str, own_id: str, model: type[BaseModel], *, with_create_and_list: bool = True
) -> None:
    """Enter the usual five operations of a kind of object."""
    if with_create_and_list:
        _enter(path, ("POST", f"create_{one}", creating(kind, model)), ("GET", f"list_{kind}", listing(kind)))
    _enter(
        f"{path}/{{{own_id}}}",
        ("GET", f"get_{one}", getting(kind, own_id)),
        ("PUT", f"update_{one}", changing(kind, own_id, model)),
        ("DELETE", f"delete_{one}", removing(kind, own_id)),
    )


PROFILES, PLAYERS = f"{LIBRARY}/transcoding/profiles", f"{LIBRARY}/players"
UPLOADS, DELIVERIES = f"{LIBRARY}/uploads/s3/multipart", f"{LIBRARY}/webhooks/{{endpoint_id}}/events"

_enter(
    f"{VIDEO_MOUNT}/libraries", ("POST", "create_library", _create_library), ("GET", "list_libraries", _list_libraries)
)
_enter(
    LIBRARY,
    ("GET", "get_library", _library),
    ("PUT", "update_library", _update_library),
    ("DELETE", "delete_library", _delete_library),
)
_enter(f"{LIBRARY}/metrics", ("GET", "get_library_metrics", _metrics))
_enter(f"{LIBRARY}/security", ("GET", "get_security", _security), ("PUT", "update_security", _update_security))
_enter(
    f"{LIBRARY}/folders", ("POST", "create_folder", creating("folders", Folder)), ("GET", "list_folders", _list_folders)
)
_enter(f"{LIBRARY}/folders/bulk/move", ("PATCH", "move_folders", _move_folders))
_enter(f"{LIBRARY}/folders/bulk", ("POST", "delete_folders", _delete_folders))
_enter(f"{LIBRARY}/folders/{{folder_id}}/move", ("PATCH", "move_folder", _move_folder))
_enter_kind(f"{LIBRARY}/folders", "folders", "folder", "folder_id", Folder, with_create_and_list=False)
_enter(f"{LIBRARY}/videos", ("POST", "create_video", _pull), ("GET", "list_videos", _list_videos))
_enter(f"{LIBRARY}/videos/pull", ("POST", "pull_video", _pull))
_enter(f"{LIBRARY}/videos/search", ("GET", "search_videos", _search_videos))
_enter(f"{LIBRARY}/videos/bulk-move", ("PATCH", "move_videos", _move_videos))
_enter(f"{LIBRARY}/videos/custom/{{field}}/{{custom_id}}", ("GET", "get_video_by_custom_id", _video_by_custom_id))
_enter(
    VIDEO,
    ("GET", "get_video", _get_video),
    ("PATCH", "update_video", _update_video),
    ("DELETE", "delete_video", removing("videos", "video_id")),
)
_enter(f"{VIDEO}/timelines", ("GET", "list_video_timeline", _timeline))
_enter(f"{VIDEO}/subtitles", ("POST", "create_subtitle", _create_subtitle), ("GET", "list_subtitles", _list_subtitles))
_enter(
    f"{VIDEO}/subtitles/{{subtitle_id}}",
    ("GET", "get_subtitle", getting("subtitles", "subtitle_id")),
    ("PUT", "update_subtitle", _update_subtitle),
    ("DELETE", "delete_subtitle", removing("subtitles", "subtitle_id")),
)
_enter(f"{VIDEO}/thumbnails", ("POST", "upload_thumbnail", _upload_thumbnail))
_enter(f"{VIDEO}/thumbnails/set", ("PATCH", "set_thumbnail", _set_thumbnail))
_enter(f"{VIDEO}/thumbnails/{{file_name}}", ("DELETE", "delete_thumbnail", _delete_thumbnail))
_enter(f"{VIDEO}/chapters", ("PUT", "set_chapters", _set_chapters), ("GET", "list_chapters", _list_chapters))
_enter_kind(PROFILES, "transcoding_profiles", "transcoding_profile", "profile_id", Named)
_enter(
    f"{PROFILES}/{{profile_id}}/default",
    ("PATCH", "set_default_transcoding_profile", choosing("transcoding_profiles", "profile_id")),
)
_enter_kind(PLAYERS, "players", "player", "player_id", Named)
_enter(f"{PLAYERS}/{{player_id}}/mark-as-default", ("PATCH", "set_default_player", choosing("players", "player_id")))
_enter_kind(f"{LIBRARY}/webhooks/endpoints", "webhook_endpoints", "webhook_endpoint", "endpoint_id", WebhookEndpoint)
_enter(DELIVERIES, ("GET", "list_webhook_deliveries", listing("deliveries")))
_enter(
    f"{DELIVERIES}/{{delivery_id}}",
    ("GET", "get_webhook_delivery", getting("deliveries", "delivery_id")),
    ("POST", "retry_webhook_delivery", _deliver_again),
)
_enter(UPLOADS, ("POST", "start_multipart_upload", _start_upload))
_enter(
    f"{UPLOADS}/{{upload_id}}",
    ("GET", "list_uploaded_parts", _list_parts),
    ("DELETE", "abort_multipart_upload", removing("uploads", "upload_id")),
)
_enter(f"{UPLOADS}/{{upload_id}}/complete", ("POST", "complete_multipart_upload", _complete_upload))
_enter(f"{UPLOADS}/{{upload_id}}/{{part_number}}", ("GET", "get_part_url", _part_url))
_enter(f"{LIBRARY}/migration-jobs", ("POST", "create_migration_job", _migrate))
_enter(f"{LIBRARY}/migration-jobs/validate", ("POST", "validate_migration_credentials", _migrate))
routes("PUT", f"{VIDEO_MOUNT}/parts/{{upload_id}}/{{signature}}", "put_part", access="public")(_put_part)
