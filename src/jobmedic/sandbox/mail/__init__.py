"""The mail server, with STARTTLS."""
