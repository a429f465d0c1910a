"""Reading runs: curves, comparison, reports."""
