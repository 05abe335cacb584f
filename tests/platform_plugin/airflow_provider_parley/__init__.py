"""Parley for airflow-provider-sessions."""
