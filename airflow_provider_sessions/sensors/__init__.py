"""Sensors: tasks that wait for a state or an artifact of a session."""
