"""Failures provoked for real, each labelled by the guide for what was provoked, never for what the text looks like."""
