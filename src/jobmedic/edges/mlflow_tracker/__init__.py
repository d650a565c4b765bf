"""MLflow, on Databricks or a local SQLite file: runs, traces, and the registered classifier; the only package that imports it."""
