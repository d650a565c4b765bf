"""Fingerprints: does one cause get one, and do two causes get two? Measured beside Drain3."""
