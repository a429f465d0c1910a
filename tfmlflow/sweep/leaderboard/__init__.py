"""The jobs of a sweep against each other, on the terminal and in a file."""
