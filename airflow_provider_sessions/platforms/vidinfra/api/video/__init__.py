"""VidInfra's video API: libraries of videos, on a base URL of its own, the connection's ``video_host``."""
