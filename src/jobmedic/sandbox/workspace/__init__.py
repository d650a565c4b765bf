"""The workspace's HTTP face: the Jobs API as Databricks speaks it."""
