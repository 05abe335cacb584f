"""VidInfra Live: rooms, the sessions held in them, and what belongs to these."""
