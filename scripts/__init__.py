"""What `make demo`, `make up` and the end-to-end tests share: a real Airflow and the sandbox, started and stopped."""
