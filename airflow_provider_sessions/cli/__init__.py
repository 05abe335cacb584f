"""The command line: ``airflow sessions ...``, or ``python -m airflow_provider_sessions ...`` on Airflow 3.1.

``definition`` is imported with every ``airflow`` command, so it imports nothing of ours; each command imports what it
needs when it runs.
"""
