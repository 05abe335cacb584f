"""Keep the requests of an account within the platform's rate limit, across tasks, processes and hosts.

The client calls a :class:`~airflow_provider_sessions.rate_limit.limiter.RateLimiter` before each request and reports
what each response said of the limit. Processes that share an account share the limiter's state: in a file on their
host, or in Redis.
"""
