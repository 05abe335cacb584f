"""Airflow's transfers: from a platform into files and tables."""
