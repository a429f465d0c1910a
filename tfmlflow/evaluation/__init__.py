"""A stored model on a data set, prepared as that of its training was."""
