"""The endpoint functions of VidInfra and the models of its responses, defined in ``api/`` by group."""

from airflow_provider_sessions.platforms.vidinfra.api.base import *
from airflow_provider_sessions.platforms.vidinfra.api.live import *
from airflow_provider_sessions.platforms.vidinfra.api.people import *
from airflow_provider_sessions.platforms.vidinfra.api.rooms import *
from airflow_provider_sessions.platforms.vidinfra.api.sessions import *
from airflow_provider_sessions.platforms.vidinfra.api.video_libraries import *
from airflow_provider_sessions.platforms.vidinfra.api.videos import *
