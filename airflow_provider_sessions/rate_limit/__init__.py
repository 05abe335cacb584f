"""The rate limit of an account, shared by everything that sends requests on its behalf.

The transport asks a :class:`~airflow_provider_sessions.rate_limit.limiter.RateBudget` before each request and reports
to it after each response. Where processes share a limit, its state lies in a file on the host or in Redis.
"""
