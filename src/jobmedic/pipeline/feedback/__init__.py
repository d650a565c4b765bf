"""People's verdicts, one at a time or from a CSV file."""
