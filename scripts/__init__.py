"""Start and stop a real Airflow and the sandbox, for `make demo`, `make up` and the end-to-end tests."""
