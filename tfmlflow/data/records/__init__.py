"""TFRecord files that need not fit into memory: an index of where each record lies, and reading by position."""
