"""The Airflow face, hooks: a connection goes in, answers in this package's words come out."""
