"""What a sweep tries: its space, and which point of it is next."""
