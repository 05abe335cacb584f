"""VidInfra's two APIs, by group: ``live/`` for rooms and sessions, ``video/`` for libraries of videos.

Each module holds one group of the vendor's documentation: the models of its responses, then its endpoint functions.
"""
