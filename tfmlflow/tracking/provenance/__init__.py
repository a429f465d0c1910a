"""What a run was made with: code, packages, data, and what `fit` was called with."""
