"""Runs as they stand in a store: chosen, read, and taken together where they differ in nothing but the seed."""
