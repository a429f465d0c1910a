"""What can be concluded from runs, and how sure it is. Knows numbers and groups of runs, no store."""
