"""What a scenario may say, read from YAML and checked, or generated; the demo's own."""
