"""Sensors: tasks that wait for a session."""
