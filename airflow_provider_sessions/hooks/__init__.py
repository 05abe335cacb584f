"""Hooks: they read an Airflow connection and send requests to its platform."""
