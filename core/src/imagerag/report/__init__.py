"""Reports of a batch: a page of every story, and sheets of what was kept."""

from imagerag.report.writing import Report, write_report

__all__ = ["Report", "write_report"]
