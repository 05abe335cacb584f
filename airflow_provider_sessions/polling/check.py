"""One look without a poller: what a sensor does before it defers, and at each poke."""

from __future__ import annotations

from collections.abc import Mapping

from airflow_provider_sessions.errors import InputError, NotFoundError, SessionsError, UnsupportedError
from airflow_provider_sessions.model import Artifact, SessionState
from airflow_provider_sessions.platforms.adapter import Adapter, Question
from airflow_provider_sessions.polling.wait_conditions import ArtifactGoal, Goal, Observation

QUESTION_OF: Mapping[Artifact, Question] = {
    Artifact.ATTENDANCE: Question.ATTENDANCE,
    Artifact.TRANSCRIPT: Question.TRANSCRIPTS,
    Artifact.TAKEAWAYS: Question.TAKEAWAYS,
    Artifact.RECORDING: Question.RECORDINGS,
}
"""What has to be answered by a platform that is asked for an artifact."""


async def check(adapter: Adapter, goal: Goal, session_id: str) -> Observation:
    """Look at a session, and at an artifact of it if that is waited for and the session is over.

    :param adapter: the platform.
    :param goal: what is waited for.
    :param session_id: the session.
    :raises UnsupportedError: the platform has no such artifact; nothing was sent.
    :raises InputError: there can be no such session id, or the connection is set up wrong.
    """
    if isinstance(goal, ArtifactGoal):
        adapter.require(QUESTION_OF[goal.artifact])
    try:
        session = await adapter.get(session_id)
    except (InputError, UnsupportedError):
        raise
    except SessionsError as failure:
        return Observation(error=failure, missing=isinstance(failure, NotFoundError))
    if not isinstance(goal, ArtifactGoal) or session.state is not SessionState.ENDED:
        return Observation(session=session)
    try:
        return Observation(session=session, artifact=await adapter.artifact_status(session, goal.artifact))
    except (InputError, UnsupportedError):
        raise
    except SessionsError as failure:
        return Observation(session=session, error=failure)
