"""Routes of VidInfra's video API: libraries of videos, over stored objects.

Methods and paths are documented. A pulled video changes its status with the clock; nothing is downloaded.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel, Field
from starlette.responses import Response

from airflow_provider_sessions.sandbox.request_parsing import ApiError, ApiRequest
from airflow_provider_sessions.sandbox.vidinfra.object_handlers import (
    Handler,
    choose_handler,
    create_handler,
    delete_handler,
    get_handler,
    list_handler,
    parent_ids,
    update_handler,
)
from airflow_provider_sessions.sandbox.vidinfra.platform import VIDEO_MOUNT, VidInfra, routes
from airflow_provider_sessions.sandbox.vidinfra.state import Object, not_found

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
    """Where an uploaded video belongs."""

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
    """The access token of an account on another platform."""

    access_token: str


class Migration(BaseModel):
    """Body of Create Migrations and Validate Credentials."""

    provider: str
    credentials: Credentials


def _library_field(vidinfra: VidInfra, request: ApiRequest) -> Object:
    """Return the field by which objects of the path's library are found.

    :raises ApiError: 404, there is no such library.
    """
    return {"library_id": parent_ids(vidinfra, request, None)["library_id"]}


def _video(vidinfra: VidInfra, request: ApiRequest) -> Object:
    fields = _library_field(vidinfra, request)
    return vidinfra.objects.get("videos", request.path_params["video_id"], fields)


def _video_response(vidinfra: VidInfra, request: ApiRequest, video: Object) -> Object:
    """Return a video as a response contains it, with its current status."""
    age = (request.now - datetime.fromisoformat(video["created_at"])).total_seconds()
    status = next(status for status, seconds in reversed(PROCESSING) if age >= seconds)
    origin = f"{request.origin}{VIDEO_MOUNT}/media/{video['id']}"
    playback = {"embed_url": f"{origin}/embed", "hls_url": f"{origin}/master.m3u8"} if status == "playable" else {}
    content = {name: value for name, value in video.items() if name not in ("url", "user_id", "username")}
    metadata = {item["key"]: item["value"] for item in video["metadata"]}
    return content | {"status": status, "metadata": metadata, "assets": {"playback": playback}}


def _pull(vidinfra: VidInfra, request: ApiRequest) -> Any:
    library_id = parent_ids(vidinfra, request, None)["library_id"]
    video = vidinfra.objects.add("videos", request, library_id=library_id, **request.parse_body(Video).model_dump())
    return _video_response(vidinfra, request, video)


def _list_videos(vidinfra: VidInfra, request: ApiRequest) -> Any:
    fields = _library_field(vidinfra, request)
    if folder_id := request.query.get("folder_id"):
        fields["folder_id"] = folder_id
    return [_video_response(vidinfra, request, video) for video in vidinfra.objects.find_all("videos", fields)]


def _get_video(vidinfra: VidInfra, request: ApiRequest) -> Any:
    return _video_response(vidinfra, request, _video(vidinfra, request))


def _update_video(vidinfra: VidInfra, request: ApiRequest) -> Any:
    video = _video(vidinfra, request)
    video |= request.parse_body(VideoChanges).model_dump(exclude_unset=True)
    return _video_response(vidinfra, request, video)


def _video_by_custom_id(vidinfra: VidInfra, request: ApiRequest) -> Any:
    for video in _list_videos(vidinfra, request):
        if video["metadata"].get(request.path_params["field"]) == request.path_params["custom_id"]:
            return video
    raise not_found()


def _search_videos(vidinfra: VidInfra, request: ApiRequest) -> Any:
    words = request.query.get("q", "").casefold()
    return [video for video in _list_videos(vidinfra, request) if words in (video["name"] or "").casefold()]


def _move_videos(vidinfra: VidInfra, request: ApiRequest) -> Any:
    move, fields = request.parse_body(VideoMove), _library_field(vidinfra, request)
    folder = vidinfra.objects.get("folders", move.new_folder_id, fields)
    for video_id in move.video_ids:
        vidinfra.objects.get("videos", video_id, fields)["folder_id"] = folder["id"]
    return {"message": "Videos Updated Successfully"}


def _timeline(vidinfra: VidInfra, request: ApiRequest) -> Any:
    video = _video(vidinfra, request)
    started = datetime.fromisoformat(video["created_at"])
    steps = [(status, started + timedelta(seconds=seconds)) for status, seconds in PROCESSING]
    return [
        {"id": f"{video['id']}-{status}", "video_id": video["id"], "event": status, "timestamp": at.isoformat()}
        for status, at in steps
        if at <= request.now
    ]


def _list_folders(vidinfra: VidInfra, request: ApiRequest) -> Any:
    fields = _library_field(vidinfra, request)
    parent_id = request.query.get("parent_id")
    folders = vidinfra.objects.find_all("folders", fields)
    return [folder for folder in folders if parent_id in (None, folder["parent_id"])]


def _move_folders(vidinfra: VidInfra, request: ApiRequest) -> Any:
    move, fields = request.parse_body(FolderMove), _library_field(vidinfra, request)
    for folder_id in move.folder_ids:
        vidinfra.objects.get("folders", folder_id, fields)["parent_id"] = move.new_parent_id
    return {"message": "Folders Updated Successfully"}


def _move_folder(vidinfra: VidInfra, request: ApiRequest) -> Any:
    fields = _library_field(vidinfra, request)
    folder = vidinfra.objects.get("folders", request.path_params["folder_id"], fields)
    folder["parent_id"] = request.parse_body(FolderMove).new_parent_id
    return folder


def _delete_folders(vidinfra: VidInfra, request: ApiRequest) -> Any:
    fields = _library_field(vidinfra, request)
    wanted = request.parse_body(FolderMove).folder_ids
    for folder_id in [vidinfra.objects.get("folders", folder_id, fields)["id"] for folder_id in wanted]:
        vidinfra.objects.delete("folders", folder_id)
    return {"message": "Folders Deleted Successfully"}


def _parse_subtitle(request: ApiRequest) -> Object:
    """Parse a form with subtitles.

    :raises ApiError: 422, the file is not WebVTT.
    """
    form = request.form()
    fields: Object = {name: form[name].decode() for name in ("title", "language") if name in form}
    if "file" in form:
        if not form["file"].startswith(b"WEBVTT"):
            raise ApiError(422, "Invalid Request", gateway=True)
        fields |= {"content": form["file"].decode(), "path": f"{fields.get('language', 'subtitles')}.vtt"}
    return fields


def _without_content(subtitle: Object) -> Object:
    return {name: value for name, value in subtitle.items() if name != "content"}


def _create_subtitle(vidinfra: VidInfra, request: ApiRequest) -> Any:
    video, fields = _video(vidinfra, request), _parse_subtitle(request)
    if missing := {"title", "language", "content"} - set(fields):
        raise ApiError(422, f"Invalid Request: {', '.join(sorted(missing))} missing", gateway=True)
    parents = {"library_id": video["library_id"], "video_id": video["id"]}
    return _without_content(vidinfra.objects.add("subtitles", request, **parents, **fields))


def _list_subtitles(vidinfra: VidInfra, request: ApiRequest) -> Any:
    fields = {"video_id": _video(vidinfra, request)["id"]}
    return [_without_content(subtitle) for subtitle in vidinfra.objects.find_all("subtitles", fields)]


def _update_subtitle(vidinfra: VidInfra, request: ApiRequest) -> Any:
    fields = {"video_id": _video(vidinfra, request)["id"]}
    subtitle = vidinfra.objects.get("subtitles", request.path_params["subtitle_id"], fields)
    subtitle |= _parse_subtitle(request)
    return _without_content(subtitle)


def _upload_thumbnail(vidinfra: VidInfra, request: ApiRequest) -> Any:
    if not request.form().get("file"):
        raise ApiError(422, "Invalid Request", gateway=True)
    thumbnails = _video(vidinfra, request).setdefault("thumbnails", [])
    thumbnails.append(f"thumbnail_{len(thumbnails) + 1}.jpg")
    return {"message": "Video Thumbnail Created Successfully"}


def _delete_thumbnail(vidinfra: VidInfra, request: ApiRequest) -> Any:
    thumbnails = _video(vidinfra, request).setdefault("thumbnails", [])
    if request.path_params["file_name"] not in thumbnails:
        raise not_found()
    thumbnails.remove(request.path_params["file_name"])
    return {"message": "Video Thumbnail Deleted Successfully"}


def _set_thumbnail(vidinfra: VidInfra, request: ApiRequest) -> Any:
    _video(vidinfra, request)["thumbnail_url"] = request.parse_body(Thumbnail).thumbnail_url
    return {"message": "Video Thumbnail Updated Successfully"}


def _set_chapters(vidinfra: VidInfra, request: ApiRequest) -> Any:
    video = _video(vidinfra, request)
    chapters = request.parse_body(Chapters).chapters
    video["chapters"] = [
        chapter.model_dump() | {"id": f"{video['id']}-{number}", "video_id": video["id"]}
        for number, chapter in enumerate(chapters)
    ]
    return video["chapters"]


def _list_chapters(vidinfra: VidInfra, request: ApiRequest) -> Any:
    return _video(vidinfra, request).get("chapters", [])


def _library(vidinfra: VidInfra, request: ApiRequest) -> Object:
    return vidinfra.objects.get("libraries", request.path_params["library_id"], {})


def _list_libraries(vidinfra: VidInfra, request: ApiRequest) -> Any:
    return list(vidinfra.objects.find_all("libraries", {}))


def _create_library(vidinfra: VidInfra, request: ApiRequest) -> Any:
    return vidinfra.objects.add("libraries", request, status="provisioning", **request.parse_body(Library).model_dump())


def _update_library(vidinfra: VidInfra, request: ApiRequest) -> Any:
    library = _library(vidinfra, request)
    library |= request.parse_body(LibraryChanges).model_dump(exclude_unset=True)
    return library


def _delete_library(vidinfra: VidInfra, request: ApiRequest) -> Any:
    vidinfra.objects.delete("libraries", _library(vidinfra, request)["id"])
    return {"message": "Library Deleted Successfully"}


def _metrics(vidinfra: VidInfra, request: ApiRequest) -> Any:
    return {"videos": len(_list_videos(vidinfra, request))}


def _security(vidinfra: VidInfra, request: ApiRequest) -> Any:
    return _library(vidinfra, request).get("security", {"video_privacy": "unlisted"})


def _update_security(vidinfra: VidInfra, request: ApiRequest) -> Any:
    body = request.parse_body(Security).model_dump()
    security = {
        "video_privacy": body["video_privacy"],
        "whitelist_referrers": body["referrers"],
        "blocked_countries": body["countries"],
    }
    _library(vidinfra, request)["security"] = security
    return security


def _migrate(vidinfra: VidInfra, request: ApiRequest) -> Any:
    parent_ids(vidinfra, request, None)
    request.parse_body(Migration)
    return {"message": "Credentials are valid"}


def _upload(vidinfra: VidInfra, request: ApiRequest) -> Object:
    return vidinfra.objects.get("uploads", request.path_params["upload_id"], parent_ids(vidinfra, request, "upload_id"))


def _start_upload(vidinfra: VidInfra, request: ApiRequest) -> Any:
    body, parent = request.parse_body(Upload), parent_ids(vidinfra, request, None)
    upload = vidinfra.objects.add("uploads", request, **parent, file=body.model_dump(), parts={})
    return {"uploadId": upload["id"], "key": f"{parent['library_id']}/{upload['id']}"}


def _part_url(vidinfra: VidInfra, request: ApiRequest) -> Any:
    library = parent_ids(vidinfra, request, None)["library_id"]
    upload = vidinfra.objects.get("uploads", request.path_params["upload_id"], {"library_id": library})
    signature = vidinfra.ids.token("part", 24)
    upload.setdefault("signatures", {})[signature] = int(request.path_params["part_number"])
    return {"url": f"{request.origin}{VIDEO_MOUNT}/parts/{upload['id']}/{signature}"}


def _put_part(vidinfra: VidInfra, request: ApiRequest) -> Any:
    upload = vidinfra.objects.get("uploads", request.path_params["upload_id"], {})
    number = upload.get("signatures", {}).get(request.path_params["signature"])
    if number is None:
        raise ApiError(403, "The signature does not match")
    etag = hashlib.md5(request.body, usedforsecurity=False).hexdigest()
    upload["parts"][number] = {"PartNumber": number, "ETag": etag, "Size": len(request.body)}
    return Response(headers={"ETag": f'"{etag}"'})


def _list_parts(vidinfra: VidInfra, request: ApiRequest) -> Any:
    return {"parts": [part for _, part in sorted(_upload(vidinfra, request)["parts"].items())]}


def _complete_upload(vidinfra: VidInfra, request: ApiRequest) -> Any:
    upload, body = _upload(vidinfra, request), request.json() or {}
    uploaded = {number: part["ETag"] for number, part in upload["parts"].items()}
    named = {part["PartNumber"]: str(part["ETag"]).strip('"') for part in body.get("parts", [])}
    if not named or named != uploaded:
        raise ApiError(422, "Invalid Request", gateway=True)
    file = upload["file"]
    video = vidinfra.objects.add(
        "videos",
        request,
        library_id=upload["library_id"],
        **Video(url="", name=file["filename"], folder_id=file["metadata"]["folderId"] or None).model_dump(),
        size_bytes=sum(part["Size"] for part in upload["parts"].values()),
    )
    vidinfra.objects.delete("uploads", upload["id"])
    return _video_response(vidinfra, request, video)


def _retry_delivery(vidinfra: VidInfra, request: ApiRequest) -> Any:
    parent = parent_ids(vidinfra, request, "delivery_id")
    vidinfra.objects.get("deliveries", request.path_params["delivery_id"], parent)["next_retry_at"] = None
    return {"message": "Delivery retried"}


def _add_routes(path: str, *table: tuple[str, str, Handler]) -> None:
    """Add routes of one path: method, name and handler of each. Routes that create an object return 201."""
    for method, name, handler in table:
        status = 201 if name.startswith(("create", "pull", "upload")) else 200
        routes(method, path, name, documented=True, access="host", status=status)(handler)


def _add_object_routes(
    path: str, kind: str, name: str, own_id: str, model: type[BaseModel], *, with_create_and_list: bool = True
) -> None:
    """Add the five usual routes of a kind of object."""
    if with_create_and_list:
        _add_routes(
            path, ("POST", f"create_{name}", create_handler(kind, model)), ("GET", f"list_{kind}", list_handler(kind))
        )
    _add_routes(
        f"{path}/{{{own_id}}}",
        ("GET", f"get_{name}", get_handler(kind, own_id)),
        ("PUT", f"update_{name}", update_handler(kind, own_id, model)),
        ("DELETE", f"delete_{name}", delete_handler(kind, own_id)),
    )


PROFILES, PLAYERS = f"{LIBRARY}/transcoding/profiles", f"{LIBRARY}/players"
UPLOADS, DELIVERIES = f"{LIBRARY}/uploads/s3/multipart", f"{LIBRARY}/webhooks/{{endpoint_id}}/events"

_add_routes(
    f"{VIDEO_MOUNT}/libraries", ("POST", "create_library", _create_library), ("GET", "list_libraries", _list_libraries)
)
_add_routes(
    LIBRARY,
    ("GET", "get_library", _library),
    ("PUT", "update_library", _update_library),
    ("DELETE", "delete_library", _delete_library),
)
_add_routes(f"{LIBRARY}/metrics", ("GET", "get_library_metrics", _metrics))
_add_routes(f"{LIBRARY}/security", ("GET", "get_security", _security), ("PUT", "update_security", _update_security))
_add_routes(
    f"{LIBRARY}/folders",
    ("POST", "create_folder", create_handler("folders", Folder)),
    ("GET", "list_folders", _list_folders),
)
_add_routes(f"{LIBRARY}/folders/bulk/move", ("PATCH", "move_folders", _move_folders))
_add_routes(f"{LIBRARY}/folders/bulk", ("POST", "delete_folders", _delete_folders))
_add_routes(f"{LIBRARY}/folders/{{folder_id}}/move", ("PATCH", "move_folder", _move_folder))
_add_object_routes(f"{LIBRARY}/folders", "folders", "folder", "folder_id", Folder, with_create_and_list=False)
_add_routes(f"{LIBRARY}/videos", ("POST", "create_video", _pull), ("GET", "list_videos", _list_videos))
_add_routes(f"{LIBRARY}/videos/pull", ("POST", "pull_video", _pull))
_add_routes(f"{LIBRARY}/videos/search", ("GET", "search_videos", _search_videos))
_add_routes(f"{LIBRARY}/videos/bulk-move", ("PATCH", "move_videos", _move_videos))
_add_routes(f"{LIBRARY}/videos/custom/{{field}}/{{custom_id}}", ("GET", "get_video_by_custom_id", _video_by_custom_id))
_add_routes(
    VIDEO,
    ("GET", "get_video", _get_video),
    ("PATCH", "update_video", _update_video),
    ("DELETE", "delete_video", delete_handler("videos", "video_id")),
)
_add_routes(f"{VIDEO}/timelines", ("GET", "list_video_timeline", _timeline))
_add_routes(
    f"{VIDEO}/subtitles", ("POST", "create_subtitle", _create_subtitle), ("GET", "list_subtitles", _list_subtitles)
)
_add_routes(
    f"{VIDEO}/subtitles/{{subtitle_id}}",
    ("GET", "get_subtitle", get_handler("subtitles", "subtitle_id")),
    ("PUT", "update_subtitle", _update_subtitle),
    ("DELETE", "delete_subtitle", delete_handler("subtitles", "subtitle_id")),
)
_add_routes(f"{VIDEO}/thumbnails", ("POST", "upload_thumbnail", _upload_thumbnail))
_add_routes(f"{VIDEO}/thumbnails/set", ("PATCH", "set_thumbnail", _set_thumbnail))
_add_routes(f"{VIDEO}/thumbnails/{{file_name}}", ("DELETE", "delete_thumbnail", _delete_thumbnail))
_add_routes(f"{VIDEO}/chapters", ("PUT", "set_chapters", _set_chapters), ("GET", "list_chapters", _list_chapters))
_add_object_routes(PROFILES, "transcoding_profiles", "transcoding_profile", "profile_id", Named)
_add_routes(
    f"{PROFILES}/{{profile_id}}/default",
    ("PATCH", "set_default_transcoding_profile", choose_handler("transcoding_profiles", "profile_id")),
)
_add_object_routes(PLAYERS, "players", "player", "player_id", Named)
_add_routes(
    f"{PLAYERS}/{{player_id}}/mark-as-default", ("PATCH", "set_default_player", choose_handler("players", "player_id"))
)
_add_object_routes(
    f"{LIBRARY}/webhooks/endpoints", "webhook_endpoints", "webhook_endpoint", "endpoint_id", WebhookEndpoint
)
_add_routes(DELIVERIES, ("GET", "list_webhook_deliveries", list_handler("deliveries")))
_add_routes(
    f"{DELIVERIES}/{{delivery_id}}",
    ("GET", "get_webhook_delivery", get_handler("deliveries", "delivery_id")),
    ("POST", "retry_webhook_delivery", _retry_delivery),
)
_add_routes(UPLOADS, ("POST", "start_multipart_upload", _start_upload))
_add_routes(
    f"{UPLOADS}/{{upload_id}}",
    ("GET", "list_uploaded_parts", _list_parts),
    ("DELETE", "abort_multipart_upload", delete_handler("uploads", "upload_id")),
)
_add_routes(f"{UPLOADS}/{{upload_id}}/complete", ("POST", "complete_multipart_upload", _complete_upload))
_add_routes(f"{UPLOADS}/{{upload_id}}/{{part_number}}", ("GET", "get_part_url", _part_url))
_add_routes(f"{LIBRARY}/migration-jobs", ("POST", "create_migration_job", _migrate))
_add_routes(f"{LIBRARY}/migration-jobs/validate", ("POST", "validate_migration_credentials", _migrate))
routes("PUT", f"{VIDEO_MOUNT}/parts/{{upload_id}}/{{signature}}", "put_part", access="public")(_put_part)
