"""A stored model behind a port: the server, and what it is asked."""
