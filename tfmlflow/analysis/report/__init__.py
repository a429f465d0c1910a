"""A comparison as files: one page that needs no network, a table, a picture."""

from tfmlflow.analysis.report.files import Files, export, write

__all__ = ["Files", "export", "write"]
