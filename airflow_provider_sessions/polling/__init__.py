"""Polling of sessions: one poller for many subscribers, the schedule of polls, and the conditions of waits.

It imports no Airflow: triggers and sensors are thin and call this layer.
"""
