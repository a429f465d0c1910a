"""`tfmlflow export-model`: the network of a stored model in another format, checked against the original."""
