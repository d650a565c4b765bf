"""Measuring tools: how right, how fast, how much. Not part of the wheel; run from a checkout by `make judge` and `make bench`."""
