"""The control routes: manual actions over HTTP, for tests and people in other processes.

``GET /_sandbox/`` lists them. Bodies are JSON objects; their keys are the arguments of the Python methods with the
same name, times are ISO 8601 with a zone, lengths of time are seconds. Control requests are not logged, and no fault,
latency or rate limit applies to them.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from urllib.parse import unquote

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from starlette.datastructures import Headers, QueryParams
from starlette.responses import JSONResponse, Response

from airflow_provider_sessions.sandbox.platform_state import Platform
from airflow_provider_sessions.sandbox.request_parsing import ApiError, ApiRequest
from airflow_provider_sessions.sandbox.routing import Handler, Match, Routes
from airflow_provider_sessions.sandbox.sandbox_state import SandboxState

routes = Routes()


class ControlApi:
    """Answers requests below the control path."""

    def __init__(self, sandbox: SandboxState, path: str) -> None:
        self._sandbox = sandbox
        self._path = path

    def serves(self, path: str) -> bool:
        """Return whether a path belongs to the control routes."""
        return path == self._path or path.startswith(f"{self._path}/")

    def respond(self, request: ApiRequest) -> Response:
        """Handle a control request."""
        request.path = request.path[len(self._path) :] or "/"
        found = self._find(request)
        if found is None:
            return JSONResponse({"error": f"No control route {request.method} {request.path}; GET / lists them"}, 404)
        match, target = found
        request.path_params = {name: unquote(value) for name, value in match.path_params.items()}
        try:
            with self._sandbox.shared.lock:
                result = match.route.handler(target, request)
        except LookupError as error:
            return JSONResponse({"error": str(error.args[0])}, 404)
        except ValidationError as error:
            fields = error.errors(include_url=False, include_context=False, include_input=False)
            return JSONResponse({"error": "The body is invalid", "fields": fields}, 422)
        except (ValueError, TypeError, ApiError) as error:
            return JSONResponse({"error": str(error)}, 422)
        return JSONResponse(result, match.route.status)

    def _find(self, request: ApiRequest) -> tuple[Match, Any] | None:
        """Return the route of a request and its target: the sandbox, or the one platform that has this route."""
        if match := routes.find(request.method, request.path):
            return match, self._sandbox
        name, slash, rest = request.path[1:].partition("/")
        platform = self._sandbox.platforms.get(name)
        own = platform.controls.find(request.method, slash + rest) if platform else None
        return (own, platform) if own else None


def simulate(sandbox: SandboxState, steps: Any) -> list[Any]:
    """Run the steps of a scenario, each ``{"do": "POST /vidinfra/sessions", "with": {...}}``; return their results.

    :raises ValueError: it is not a list of steps, or a step fails; the message names it.
    """
    control = ControlApi(sandbox, "")
    results = []
    for number, step in enumerate(_STEPS.validate_python(steps), 1):
        method, _, path = step.do.partition(" ")
        body = b"" if step.arguments is None else json.dumps(step.arguments).encode()
        request = ApiRequest(method, path, QueryParams(), Headers(), body, sandbox.url, sandbox.clock.now())
        response = control.respond(request)
        content = json.loads(bytes(response.body))
        if response.status_code >= 400:
            raise ValueError(f"Step {number} of the scenario ({step.do}) failed: {content}")
        results.append(content)
    return results


class _StrictModel(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Step(_StrictModel):
    do: str
    arguments: dict[str, Any] | None = Field(default=None, alias="with")


_STEPS = TypeAdapter(list[_Step])


class _ClockChange(_StrictModel):
    advance: float | None = Field(default=None, ge=0)
    now: AwareDatetime | None = None
    speed: float | None = Field(default=None, ge=0)
    skew: timedelta | None = None


class _Latency(_StrictModel):
    seconds: float = Field(ge=0)


class _CredentialsChange(_StrictModel):
    revoke_tokens: bool = False
    new_api_key: bool = False


def _body(request: ApiRequest) -> dict[str, Any]:
    content = request.json()
    if content is not None and not isinstance(content, dict):
        raise ValueError("The body must be a JSON object")
    return content or {}


def _platform(sandbox: SandboxState, request: ApiRequest) -> Platform[Any, Any]:
    return sandbox.platform(request.path_params["platform"])


def _log_filter(request: ApiRequest) -> dict[str, Any]:
    """Return the log filter of a request, from its query."""
    wanted: dict[str, Any] = dict(request.query)
    if "status" in wanted:
        wanted["status"] = int(wanted["status"])
    return wanted


# --- the sandbox ------------------------------------------------------------------------------------------------------


@routes("GET", "/")
def index(sandbox: SandboxState, request: ApiRequest) -> Any:
    """List platforms, credentials and control routes."""
    return {
        "platforms": describe(sandbox, request.origin),
        "clock": _clock(sandbox),
        "control": [
            *_list_table(routes, ""),
            *(row for name, own in sandbox.platforms.items() for row in _list_table(own.controls, f"/{name}")),
        ],
    }


def _list_table(table: Routes, prefix: str) -> list[dict[str, str]]:
    return [{"method": route.method, "path": prefix + route.path, "does": route.doc} for route in table]


def describe(sandbox: SandboxState, origin: str) -> dict[str, Any]:
    """Return base URL, credentials and an Airflow connection of each platform, as seen from ``origin``."""
    return {name: _describe(platform, f"{origin}{platform.mount}") for name, platform in sandbox.platforms.items()}


def _describe(platform: Platform[Any, Any], base_url: str) -> dict[str, Any]:
    connection = platform.connection() | {"host": base_url}
    return {"base_url": base_url, "credentials": platform.credentials(), "connection": connection}


def _clock(sandbox: SandboxState) -> dict[str, Any]:
    clock = sandbox.clock
    return {"now": clock.now().isoformat(), "speed": clock.speed, "skew": clock.skew.total_seconds()}


@routes("GET", "/clock")
def read_clock(sandbox: SandboxState, request: ApiRequest) -> Any:
    """Return the current time on the platforms."""
    return _clock(sandbox)


@routes("POST", "/clock")
def change_clock(sandbox: SandboxState, request: ApiRequest) -> Any:
    """Change the clock: {"advance": seconds}, {"now": time}; {"speed": 0} stops it; {"skew": 300} puts it ahead."""
    change = _ClockChange.model_validate(_body(request))
    if change.speed is not None:
        sandbox.clock.set_speed(change.speed)
    if change.skew is not None:
        sandbox.clock.skew = change.skew
    if change.now is not None:
        sandbox.clock.move_to(change.now)
    if change.advance is not None:
        sandbox.clock.advance(change.advance)
    return _clock(sandbox)


@routes("POST", "/latency")
def set_latency(sandbox: SandboxState, request: ApiRequest) -> Any:
    """Delay every response by at least {"seconds": n} of real time."""
    sandbox.latency = _Latency.model_validate(_body(request)).seconds
    return {"seconds": sandbox.latency}


@routes("GET", "/oracle")
def read_oracle(sandbox: SandboxState, request: ApiRequest) -> Any:
    """Return all sessions, deleted ones too, with all artifacts that each will have."""
    return sandbox.oracle()


@routes("POST", "/reset")
def reset(sandbox: SandboxState, request: ApiRequest) -> Any:
    """Return to the initial state: no sessions, no faults, an empty log. The clock stays."""
    sandbox.reset()
    return {}


# --- faults and requests ----------------------------------------------------------------------------------------------


@routes("GET", "/faults")
def list_faults(sandbox: SandboxState, request: ApiRequest) -> Any:
    """List the faults that wait for matching requests."""
    return {"faults": [fault.model_dump() for fault in sandbox.faults.pending()]}


@routes("POST", "/faults", status=201)
def add_fault(sandbox: SandboxState, request: ApiRequest) -> Any:
    """Add a fault: {"kind": ..., "times": 1, "route": ..., "method": ..., "path": "*", ...}."""
    return sandbox.faults.add(**_body(request)).model_dump()


@routes("DELETE", "/faults")
def clear_faults(sandbox: SandboxState, request: ApiRequest) -> Any:
    """Remove all faults."""
    sandbox.faults.clear()
    return {}


@routes("GET", "/requests")
def list_requests(sandbox: SandboxState, request: ApiRequest) -> Any:
    """List the received requests; query: platform, method, path (with *), route, status, outcome."""
    return {"requests": [entry.as_json() for entry in sandbox.log.entries(**_log_filter(request))]}


@routes("GET", "/requests/count")
def count_requests(sandbox: SandboxState, request: ApiRequest) -> Any:
    """Count the received requests; query as for the list."""
    return {"count": sandbox.log.count(**_log_filter(request))}


@routes("DELETE", "/requests")
def clear_requests(sandbox: SandboxState, request: ApiRequest) -> Any:
    """Clear the log of received requests."""
    sandbox.log.clear()
    return {}


# --- one platform -----------------------------------------------------------------------------------------------------


@routes("GET", "/{platform}/sessions")
def list_sessions(sandbox: SandboxState, request: ApiRequest) -> Any:
    """List all sessions, deleted ones too, in this package's terms."""
    return {"sessions": _platform(sandbox, request).sessions()}


@routes("POST", "/{platform}/sessions", status=201)
def create_sessions(sandbox: SandboxState, request: ApiRequest) -> Any:
    """Create sessions: {"count": 9, "ended_on": "yesterday"}, {"ended_between": [from, to]}, {"scheduled_start": t}."""
    return {"ids": _platform(sandbox, request).create(**_body(request))}


@routes("GET", "/{platform}/sessions/{id}")
def read_session(sandbox: SandboxState, request: ApiRequest) -> Any:
    """Return one session, in this package's terms."""
    return _platform(sandbox, request).session(request.path_params["id"])


def _session_action(action: str, doc: str, *, with_body: bool = False) -> Handler:
    """Return a handler that calls a manual action on a session and returns the changed session."""

    def handle(sandbox: SandboxState, request: ApiRequest) -> Any:
        platform, session_id = _platform(sandbox, request), request.path_params["id"]
        getattr(platform, action)(session_id, **(_body(request) if with_body else {}))
        return platform.session(session_id)

    handle.__doc__ = doc
    return handle


_SESSION = "/{platform}/sessions/{id}"
routes("DELETE", _SESSION, "delete_session")(_session_action("delete", "Delete a session with all its artifacts."))
for _action, _doc in (
    ("start", "Start a session now; one that has ended continues."),
    ("end", "End a session now."),
    ("expire", "Expire a session that was not started."),
    ("cancel", "Cancel a session, if the platform supports that."),
):
    routes("POST", f"{_SESSION}/{_action}", f"{_action}_session")(_session_action(_action, _doc))
for _action, _doc in (
    ("script", 'Script a session: {"live_after": 5, "duration": 60, "artifacts_after": 10 or {"recording": 86400}}.'),
    ("revise", 'Change the content of an artifact: {"kind": "attendance"}.'),
):
    routes("POST", f"{_SESSION}/{_action}", f"{_action}_session")(_session_action(_action, _doc, with_body=True))


@routes("POST", "/{platform}/script")
def script_new_sessions(sandbox: SandboxState, request: ApiRequest) -> Any:
    """Script the sessions that are created from now on; body as for one session."""
    platform = _platform(sandbox, request)
    platform.default_script(**_body(request))
    return platform.new_session_script.model_dump()


@routes("POST", "/{platform}/rate_limit")
def set_rate_limit(sandbox: SandboxState, request: ApiRequest) -> Any:
    """Limit requests: {"limit": 10, "window": 60, "style": "sliding", "retry_after": "seconds"}."""
    _platform(sandbox, request).set_rate_limit(**_body(request))
    return read_rate_limit(sandbox, request)


@routes("GET", "/{platform}/rate_limit")
def read_rate_limit(sandbox: SandboxState, request: ApiRequest) -> Any:
    """Return the rate limit, and how many requests it allowed and rejected."""
    counter = _platform(sandbox, request).rate_limit_counter
    if counter is None:
        return {"rule": None, "granted": None, "refused": None}
    return {"rule": counter.rule.model_dump(), "granted": counter.granted, "refused": counter.refused}


@routes("DELETE", "/{platform}/rate_limit")
def remove_rate_limit(sandbox: SandboxState, request: ApiRequest) -> Any:
    """Remove the rate limit: allow every request."""
    _platform(sandbox, request).remove_rate_limit()
    return {}


@routes("GET", "/{platform}/settings")
def read_settings(sandbox: SandboxState, request: ApiRequest) -> Any:
    """Return the platform's settings."""
    return _platform(sandbox, request).settings.model_dump()


@routes("PATCH", "/{platform}/settings")
def change_settings(sandbox: SandboxState, request: ApiRequest) -> Any:
    """Change the platform's settings; the platform's ``Settings`` documents them."""
    settings = _platform(sandbox, request).settings
    for name, value in _body(request).items():
        setattr(settings, name, value)
    return settings.model_dump()


@routes("GET", "/{platform}/routes")
def list_routes(sandbox: SandboxState, request: ApiRequest) -> Any:
    """List the platform's own routes."""
    return {
        "routes": [
            {"method": r.method, "path": r.path, "name": r.name, "documented": r.documented, "scoped": r.scoped}
            for r in _platform(sandbox, request).routes
        ]
    }


@routes("POST", "/{platform}/credentials")
def change_credentials(sandbox: SandboxState, request: ApiRequest) -> Any:
    """Invalidate credentials: {"revoke_tokens": true}, {"new_api_key": true}; returns the valid ones."""
    platform, change = _platform(sandbox, request), _CredentialsChange.model_validate(_body(request))
    if change.revoke_tokens:
        platform.revoke_tokens()
    if change.new_api_key:
        platform.new_api_key()
    return platform.credentials()


# --- the second host --------------------------------------------------------------------------------------------------


@routes("POST", "/second_host", status=201)
def start_second_host(sandbox: SandboxState, request: ApiRequest) -> Any:
    """Start a second host on a port of its own, which records the credentials it receives."""
    return {"url": sandbox.second_host().url}


@routes("GET", "/second_host")
def read_second_host(sandbox: SandboxState, request: ApiRequest) -> Any:
    """Return the requests that the second host received."""
    host = sandbox.second_host()
    return {"url": host.url, "requests": host.requests, "credentials_seen": host.credentials_seen()}
