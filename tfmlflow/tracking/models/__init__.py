"""Models in MLflow's format: out of a training, and back from a store without running anything of it."""
