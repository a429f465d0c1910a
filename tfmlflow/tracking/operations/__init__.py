"""What `tfmlflow sync`, `runs` and `doctor` look at: what waits, what was left open, what is needed."""
