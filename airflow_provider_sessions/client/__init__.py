"""The only room that does HTTP.

An endpoint is a function that returns a :class:`~airflow_provider_sessions.client.call.Call`; a
:class:`~airflow_provider_sessions.client.client.Client` sends it. Every request on the wire passes one transport
wrapper, one rate limiter and one retry decision.
"""
