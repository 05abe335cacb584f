"""One folder a platform, all alike: endpoints, models, auth, adapter.

:mod:`.adapter` says what an adapter must answer, :mod:`.registry` how it is found; another package may add a platform.
"""
