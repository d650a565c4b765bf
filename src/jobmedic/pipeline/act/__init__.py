"""Ready decisions are claimed, applied once, and what came of the call is written down: repairs, submits, letters, incidents."""
