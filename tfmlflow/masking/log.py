"""Masks what is logged."""

from __future__ import annotations

import logging

from tfmlflow.masking.text import masked_text


class Formatter(logging.Formatter):
    """Log lines, tracebacks too, without secrets."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        return masked_text(super().format(record))
