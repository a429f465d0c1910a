"""Sweeps: what varies, what is proposed, and what becomes of many jobs under one run."""
