"""What is written: the rows of each dataset, transcript formats, and how files come to be whole or not at all.

This room knows the model and the questions of an adapter. It writes through a small
:class:`~airflow_provider_sessions.export.store.Store`, and knows nothing of Airflow.
"""
