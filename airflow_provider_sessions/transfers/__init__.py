"""Airflow's transfers: from a platform to files or tables."""
