"""What users need to test their own DAGs."""

from airflow_provider_sessions.testing.dag_checks import Finding, check_dags

__all__ = ["Finding", "check_dags"]
