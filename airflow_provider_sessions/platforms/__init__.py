"""The platforms: one folder for each, with the same modules.

``endpoints`` describes the API's requests, ``models`` the responses (VidInfra: both in ``api/``), ``auth`` the
credential, ``options`` the fields that only this platform has; ``mapping`` and ``artifacts`` map responses to the
model, and ``adapter`` uses them all. :mod:`.adapter` is the interface of an adapter. Another package may add a
platform: see :mod:`.registry`.
"""
