"""Where the time of a training goes, what would help, and by how much: measured on a short part of it."""
