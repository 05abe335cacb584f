"""The Airflow face, operators: thin, and the same for every platform."""
