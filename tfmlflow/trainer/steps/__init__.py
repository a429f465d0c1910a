"""Training step by step, in a graph of our own."""
