"""A job: one training, as a command or a sweep starts it, and what it leaves for whoever has started it."""
