"""Functions and classes that a config names: found and read without importing them."""
