"""VidInfra's two APIs by group of the vendor's documentation: the models of the responses, then the endpoint functions.

``video_libraries``, ``video_players`` and ``videos`` belong to the video API, all other groups to VidInfra Live.
"""
