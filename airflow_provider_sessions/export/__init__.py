"""Export: the rows of each dataset, file formats and tables, and the ledger that makes an export complete.

It requests through an adapter, and writes files through a small :class:`~airflow_provider_sessions.export.store.Store`.
It imports no Airflow.
"""
