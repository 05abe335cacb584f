"""Example DAGs that need only this provider and connections to the platforms.

With ``load_examples``, Airflow 3.3 and newer shows them. In the repository, ``dags_examples/`` has the same files, and
``dags_examples/recipes/`` those that need other providers or a newer Airflow.
"""
