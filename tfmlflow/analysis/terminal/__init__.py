"""Comparisons in the terminal."""
