"""One folder a platform, all alike: endpoints, models, auth, adapter. :mod:`.base` says what an adapter must answer."""
