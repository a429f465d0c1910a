"""Checkpoints of a training: which are taken, how they are written, and how many are kept."""
