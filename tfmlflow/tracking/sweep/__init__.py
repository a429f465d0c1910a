"""The MLflow run of a whole sweep, and what earlier starts have left of it."""
