"""The job log: Kafka, or one SQLite file when no broker is configured. Both are a `JobLog`."""
