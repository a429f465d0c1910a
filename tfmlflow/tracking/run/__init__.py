"""A run being written: opened, said to, and ended truthfully, whatever happens."""
