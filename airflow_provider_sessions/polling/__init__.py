"""One poll for many waiters, when to look next, and the one decision whether what was waited for is there.

No Airflow here: triggers and sensors are thin and ask this room.
"""
