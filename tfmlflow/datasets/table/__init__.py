"""A table in a text file: how it is read, what its columns have to be, what its label stands for."""
