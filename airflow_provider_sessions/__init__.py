"""Airflow provider for live sessions on Prevail, VidInfra and Sessions.

Airflow imports this module at start-up, so it holds the version and nothing else.
"""

__version__ = "0.1.0"
