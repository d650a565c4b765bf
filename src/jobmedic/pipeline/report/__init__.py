"""The HTML report: one file over the tables, for an engineer's glance."""

from jobmedic.pipeline.report.page import write_report

__all__ = ["write_report"]
