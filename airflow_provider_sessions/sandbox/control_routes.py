"""The control routes: by them tests and people in other processes do to the sandbox what nobody can do to a platform.

``GET /_sandbox/`` lists them. Bodies are JSON objects; their keys are the arguments of the Python methods of the same
name, times are ISO 8601 with a zone, lengths of time are seconds. Control requests meet no faults, no latency and no
rate limit, and are not logged.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from starlette.datastructures import Headers, QueryParams
from starlette.responses import JSONResponse, Response

from airflow_provider_sessions.sandbox.request_parsing import ApiError, PlatformRequest
from airflow_provider_sessions.sandbox.routing import Match, Routes

if TYPE_CHECKING:
    from airflow_provider_sessions.sandbox.platform_state import Platform
    from airflow_provider_sessions.sandbox.sandbox import Sandbox

routes = Routes()


class Control:
    """Answers what is asked below the control path."""

    def __init__(self, sandbox: Sandbox, path: str) -> None:
        self._sandbox = sandbox
        self._path = path

    def answers(self, path: str) -> bool:
        """Whether a path is one of the control's."""
        return path == self._path or path.startswith(f"{self._path}/")

    def answer(self, asked: PlatformRequest) -> Response:
        """Carry out a control request."""
        asked.path = asked.path[len(self._path) :] or "/"
        found = self._find(asked)
        if found is None:
            return JSONResponse({"error": f"No control route {asked.method} {asked.path}; GET / lists them"}, 404)
        match, whose = found
        asked.args = {name: unquote(value) for name, value in match.args.items()}
        try:
            with self._sandbox.shared.lock:
                result = match.route.handler(whose, asked)
        except LookupError as error:
            return JSONResponse({"error": str(error.args[0])}, 404)
        except ValidationError as error:
            faults = error.errors(include_url=False, include_context=False, include_input=False)
            return JSONResponse({"error": "The body does not fit", "fields": faults}, 422)
        except (ValueError, TypeError, ApiError) as error:
            return JSONResponse({"error": str(error)}, 422)
        return JSONResponse(result, match.route.status)

    def _find(self, asked: PlatformRequest) -> tuple[Match, Any] | None:
        """The route of a request and what it is about: the sandbox, or the one platform whose own route it is."""
        if match := _match(routes, asked.method, asked.path):
            return match, self._sandbox
        name, slash, rest = asked.path[1:].partition("/")
        platform = self._sandbox.platforms.get(name)
        own = _match(platform.controls, asked.method, slash + rest) if platform else None
        return (own, platform) if own else None


def _match(table: Routes, method: str, path: str) -> Match | None:
    return next((match for match in table.at(path) if match.route.method == method), None)


def simulate(sandbox: Sandbox, steps: Any) -> list[Any]:
    """Carry out the steps of a scenario: each ``{"do": "POST /vidinfra/sessions", "with": {...}}``; their answers.

    :raises ValueError: it is no list of steps, or one is refused; the message names it.
    """
    control = Control(sandbox, "")
    answers = []
    for number, step in enumerate(_STEPS.validate_python(steps), 1):
        method, _, path = step.do.partition(" ")
        body = b"" if step.arguments is None else json.dumps(step.arguments).encode()
        answer = control.answer(
            PlatformRequest(method, path, QueryParams(), Headers(), body, sandbox.url, sandbox.clock.now())
        )
        content = json.loads(bytes(answer.body))
        if answer.status_code >= 400:
            raise ValueError(f"Step {number} of the scenario ({step.do}) was refused: {content}")
        answers.append(content)
    return answers


class _Step(BaseModel):
    model_config = ConfigDict(extra="forbid")

    do: str
    arguments: dict[str, Any] | None = Field(default=None, alias="with")


_STEPS = TypeAdapter(list[_Step])


class _ClockChange(BaseModel):
    model_config = ConfigDict(extra="forbid")

    advance: float | None = Field(default=None, ge=0)
    now: AwareDatetime | None = None
    speed: float | None = Field(default=None, ge=0)
    skew: timedelta | None = None


class _Latency(BaseModel):
    model_config = ConfigDict(extra="forbid")

    seconds: float = Field(ge=0)


def _body(asked: PlatformRequest) -> dict[str, Any]:
    content = asked.json()
    if content is not None and not isinstance(content, dict):
        raise ValueError("The body must be a JSON object")
    return content or {}


def _platform(sandbox: Sandbox, asked: PlatformRequest) -> Platform[Any, Any]:
    return sandbox.platform(asked.args["platform"])


def _wanted(asked: PlatformRequest) -> dict[str, Any]:
    """The filter of a log request, from its query."""
    wanted: dict[str, Any] = dict(asked.query)
    if "status" in wanted:
        wanted["status"] = int(wanted["status"])
    return wanted


# --- the whole --------------------------------------------------------------------------------------------------------


@routes("GET", "/")
def index(sandbox: Sandbox, asked: PlatformRequest) -> Any:
    """What there is: platforms, credentials, control routes."""
    return {
        "platforms": describe(sandbox, asked.origin),
        "clock": _clock(sandbox),
        "control": [
            *_listed(routes, ""),
            *(row for name, platform in sandbox.platforms.items() for row in _listed(platform.controls, f"/{name}")),
        ],
    }


def _listed(table: Routes, prefix: str) -> list[dict[str, str]]:
    return [{"method": route.method, "path": prefix + route.path, "does": route.doc} for route in table]


def describe(sandbox: Sandbox, origin: str) -> dict[str, Any]:
    """Base URL, credentials and an Airflow connection of each platform, as seen from ``origin``."""
    return {name: _described(platform, f"{origin}{platform.mount}") for name, platform in sandbox.platforms.items()}


def _described(platform: Platform[Any, Any], base_url: str) -> dict[str, Any]:
    connection = platform.connection() | {"host": base_url}
    return {"base_url": base_url, "credentials": platform.credentials(), "connection": connection}


def _clock(sandbox: Sandbox) -> dict[str, Any]:
    clock = sandbox.clock
    return {"now": clock.now().isoformat(), "speed": clock.speed, "skew": clock.skew.total_seconds()}


@routes("GET", "/clock")
def read_clock(sandbox: Sandbox, asked: PlatformRequest) -> Any:
    """What time it is on the platforms."""
    return _clock(sandbox)


@routes("POST", "/clock")
def change_clock(sandbox: Sandbox, asked: PlatformRequest) -> Any:
    """Step the clock: {"advance": seconds}, {"now": time}; {"speed": 0} stops it; {"skew": 300} shows it ahead."""
    change = _ClockChange.model_validate(_body(asked))
    if change.speed is not None:
        sandbox.clock.run(change.speed)
    if change.skew is not None:
        sandbox.clock.skew = change.skew
    if change.now is not None:
        sandbox.clock.move_to(change.now)
    if change.advance is not None:
        sandbox.clock.advance(change.advance)
    return _clock(sandbox)


@routes("POST", "/latency")
def set_latency(sandbox: Sandbox, asked: PlatformRequest) -> Any:
    """Let every answer take at least {"seconds": n} of real time."""
    sandbox.latency = _Latency.model_validate(_body(asked)).seconds
    return {"seconds": sandbox.latency}


@routes("GET", "/oracle")
def read_oracle(sandbox: Sandbox, asked: PlatformRequest) -> Any:
    """Every session there ever was, deleted ones too, and all that it will have left."""
    return sandbox.oracle()


@routes("POST", "/reset")
def reset(sandbox: Sandbox, asked: PlatformRequest) -> Any:
    """Back to the beginning: no sessions, no faults, an empty log. The clock goes on."""
    sandbox.reset()
    return {}


# --- faults and requests ----------------------------------------------------------------------------------------------


@routes("GET", "/faults")
def list_faults(sandbox: Sandbox, asked: PlatformRequest) -> Any:
    """The faults still waiting for their requests."""
    return {"faults": [fault.model_dump() for fault in sandbox.faults.pending()]}


@routes("POST", "/faults", status=201)
def add_fault(sandbox: Sandbox, asked: PlatformRequest) -> Any:
    """Add a fault: {"kind": ..., "times": 1, "route": ..., "method": ..., "path": "*", ...}."""
    return sandbox.faults.add(**_body(asked)).model_dump()


@routes("DELETE", "/faults")
def clear_faults(sandbox: Sandbox, asked: PlatformRequest) -> Any:
    """Drop all faults."""
    sandbox.faults.clear()
    return {}


@routes("GET", "/requests")
def list_requests(sandbox: Sandbox, asked: PlatformRequest) -> Any:
    """The requests received; query: platform, method, path (with *), route, status, outcome."""
    return {"requests": [entry.as_json() for entry in sandbox.log.entries(**_wanted(asked))]}


@routes("GET", "/requests/count")
def count_requests(sandbox: Sandbox, asked: PlatformRequest) -> Any:
    """How many requests were received; query as for the list."""
    return {"count": sandbox.log.count(**_wanted(asked))}


@routes("DELETE", "/requests")
def clear_requests(sandbox: Sandbox, asked: PlatformRequest) -> Any:
    """Forget the requests received so far."""
    sandbox.log.clear()
    return {}


# --- one platform -----------------------------------------------------------------------------------------------------


@routes("GET", "/{platform}/sessions")
def list_sessions(sandbox: Sandbox, asked: PlatformRequest) -> Any:
    """All sessions ever, deleted ones too, in this package's words."""
    return {"sessions": _platform(sandbox, asked).sessions()}


@routes("POST", "/{platform}/sessions", status=201)
def create_sessions(sandbox: Sandbox, asked: PlatformRequest) -> Any:
    """Make sessions as people would: {"count": 100, "ended_between": [from, to]}, {"scheduled_start": ...}."""
    return {"ids": _platform(sandbox, asked).create(**_body(asked))}


@routes("GET", "/{platform}/sessions/{id}")
def read_session(sandbox: Sandbox, asked: PlatformRequest) -> Any:
    """One session, in this package's words."""
    return _platform(sandbox, asked).session(asked.args["id"])


@routes("DELETE", "/{platform}/sessions/{id}")
def delete_session(sandbox: Sandbox, asked: PlatformRequest) -> Any:
    """Delete a session with all it left."""
    return _done(sandbox, asked, "delete")


@routes("POST", "/{platform}/sessions/{id}/start")
def start_session(sandbox: Sandbox, asked: PlatformRequest) -> Any:
    """Go live now; one that has ended goes on."""
    return _done(sandbox, asked, "start")


@routes("POST", "/{platform}/sessions/{id}/end")
def end_session(sandbox: Sandbox, asked: PlatformRequest) -> Any:
    """End now."""
    return _done(sandbox, asked, "end")


@routes("POST", "/{platform}/sessions/{id}/expire")
def expire_session(sandbox: Sandbox, asked: PlatformRequest) -> Any:
    """Let a session nobody started expire."""
    return _done(sandbox, asked, "expire")


@routes("POST", "/{platform}/sessions/{id}/cancel")
def cancel_session(sandbox: Sandbox, asked: PlatformRequest) -> Any:
    """Call a session off, where the platform can."""
    return _done(sandbox, asked, "cancel")


@routes("POST", "/{platform}/sessions/{id}/script")
def script_session(sandbox: Sandbox, asked: PlatformRequest) -> Any:
    """Let it live by itself: {"live_after": 5, "duration": 60, "artifacts_after": 10 or {"recording": 86400}}."""
    return _done(sandbox, asked, "script", **_body(asked))


@routes("POST", "/{platform}/sessions/{id}/revise")
def revise_artifact(sandbox: Sandbox, asked: PlatformRequest) -> Any:
    """Change the content of an artifact: {"kind": "attendance"}."""
    return _done(sandbox, asked, "revise", **_body(asked))


def _done(sandbox: Sandbox, asked: PlatformRequest, method: str, **arguments: Any) -> Any:
    """Do something to a session and answer what it is now."""
    platform, session_id = _platform(sandbox, asked), asked.args["id"]
    getattr(platform, method)(session_id, **arguments)
    return platform.session(session_id)


@routes("POST", "/{platform}/script")
def script_new_sessions(sandbox: Sandbox, asked: PlatformRequest) -> Any:
    """The lifecycle of sessions created from now on; body as for one session."""
    platform = _platform(sandbox, asked)
    platform.default_script(**_body(asked))
    return platform.new_session_script.model_dump()


@routes("POST", "/{platform}/rate_limit")
def set_rate_limit(sandbox: Sandbox, asked: PlatformRequest) -> Any:
    """RateLimitCounter requests: {"limit": 10, "window": 60, "style": "sliding", "retry_after": "seconds"}."""
    _platform(sandbox, asked).set_rate_limit(**_body(asked))
    return read_rate_limit(sandbox, asked)


@routes("GET", "/{platform}/rate_limit")
def read_rate_limit(sandbox: Sandbox, asked: PlatformRequest) -> Any:
    """The rate limit, and how many requests it granted and refused."""
    judge = _platform(sandbox, asked).rate_limit_counter
    if judge is None:
        return {"rule": None, "granted": None, "refused": None}
    return {"rule": judge.rule.model_dump(), "granted": judge.granted, "refused": judge.refused}


@routes("DELETE", "/{platform}/rate_limit")
def remove_rate_limit(sandbox: Sandbox, asked: PlatformRequest) -> Any:
    """Grant every request."""
    _platform(sandbox, asked).remove_rate_limit()
    return {}


@routes("GET", "/{platform}/settings")
def read_settings(sandbox: Sandbox, asked: PlatformRequest) -> Any:
    """The platform's settings."""
    return _platform(sandbox, asked).settings.model_dump()


@routes("PATCH", "/{platform}/settings")
def change_settings(sandbox: Sandbox, asked: PlatformRequest) -> Any:
    """Change the platform's settings; their names and meanings are in the platform's ``Settings``."""
    settings = _platform(sandbox, asked).settings
    for name, value in _body(asked).items():
        setattr(settings, name, value)
    return settings.model_dump()


@routes("GET", "/{platform}/routes")
def list_routes(sandbox: Sandbox, asked: PlatformRequest) -> Any:
    """The platform's own table of routes."""
    return {
        "routes": [
            {"method": r.method, "path": r.path, "name": r.name, "documented": r.documented, "scoped": r.scoped}
            for r in _platform(sandbox, asked).routes
        ]
    }


@routes("POST", "/{platform}/credentials")
def change_credentials(sandbox: Sandbox, asked: PlatformRequest) -> Any:
    """Take rights away: {"revoke_tokens": true}, {"new_api_key": true}; the credentials as they are then."""
    platform, wanted = _platform(sandbox, asked), _Credentials.model_validate(_body(asked))
    if wanted.revoke_tokens:
        platform.revoke_tokens()
    if wanted.new_api_key:
        platform.new_api_key()
    return platform.credentials()


class _Credentials(BaseModel):
    model_config = ConfigDict(extra="forbid")

    revoke_tokens: bool = False
    new_api_key: bool = False


# --- a second host ----------------------------------------------------------------------------------------------------


@routes("POST", "/second_host", status=201)
def start_second_host(sandbox: Sandbox, asked: PlatformRequest) -> Any:
    """Start a second host on a port of its own; it notes which credentials reach it."""
    return {"url": sandbox.second_host().url}


@routes("GET", "/second_host")
def read_second_host(sandbox: Sandbox, asked: PlatformRequest) -> Any:
    """What reached the second host."""
    host = sandbox.second_host()
    return {"url": host.url, "requests": host.requests, "credentials_seen": host.credentials_seen()}
