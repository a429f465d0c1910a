"""Many runs of one command (`-m`)."""
